//! JSONP: polls that are answered with scripts, POSTs of forms, in both revisions.

use bytes::Bytes;
use enchufe::{Data, Namespace, Server};
use http::{Method, Request};
use http_body_util::Full;

use crate::support::{Answer, Http, Log, serve, serve_with};

fn echo() -> Namespace {
    Namespace::new("/").on("echo", async |Data(text): Data<String>| text)
}

/// What a script hands to its callback.
fn handed(answer: &Answer, callback: &str) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    let string = answer.body.strip_prefix(&format!("___eio[{callback}](")).expect("the callback");
    serde_json::from_str(string.strip_suffix(");").expect("the end")).expect("a string")
}

/// A session's requests.
struct Session {
    http: Http,
    target: String,
}

impl Session {
    async fn open(io: &Server, query: &str) -> Self {
        let http = Http::new(io);
        let answer = http.get(&format!("/socket.io/?transport=polling&j=0&{query}")).await;
        let open = handed(&answer, "0");
        let json = open.get(open.find('{').unwrap()..).unwrap();
        let sid: serde_json::Value = serde_json::from_str(json).unwrap();
        let sid = sid["sid"].as_str().unwrap();
        Self { http, target: format!("/socket.io/?transport=polling&j=0&sid={sid}&{query}") }
    }

    async fn poll(&self) -> String {
        handed(&self.http.get(&self.target).await, "0")
    }

    async fn post(&self, form: &str) -> Answer {
        self.http.request(Method::POST, &self.target, form).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_lives_on_scripts_and_forms() {
    let io = serve(echo());
    let session = Session::open(&io, "EIO=4").await;
    let posted = session.post("d=40").await;
    assert_eq!((posted.status.as_u16(), posted.body.as_str()), (200, "ok"));
    assert_eq!(posted.header("content-type"), Some("text/html"));
    assert!(session.poll().await.starts_with("40{\"sid\":\""));
    // Two packets; `+` is a space and `%2B` a plus.
    session.post("d=420%5B%22echo%22%2C%22a+b%2B%22%5D%1E421[%22echo%22,%22%E2%82%AC%22]").await;
    assert_eq!(session.poll().await, "430[\"a b+\"]\u{1e}431[\"€\"]");
}

#[tokio::test(start_paused = true)]
async fn revision_3_has_its_own_payloads_and_no_binary_ones() {
    let io = serve_with(echo(), |io| io.allow_eio3(true));
    let session = Session::open(&io, "EIO=3").await;
    assert_eq!(session.poll().await, "2:40");
    io.of("/").emit("bytes", Bytes::from_static(&[1, 2, 3, 4])).unwrap();
    let payload = session.poll().await;
    assert_eq!(payload, "43:451-[\"bytes\",{\"_placeholder\":true,\"num\":0}]10:b4AQIDBA==");
    // The length counts what the browser has made of the form: a line end, and a backslash before an n.
    session.post(r#"d=18%3A420["echo","a\\nb"]"#).await;
    assert_eq!(session.poll().await, r#"11:430["a\nb"]"#);
    session.post("d=1%3A2").await;
    assert_eq!(session.poll().await, "1:3");
}

#[tokio::test(start_paused = true)]
async fn only_digits_of_the_callback_come_back() {
    let io = serve(echo());
    for (j, digits) in [("7", "7"), ("1);alert(1", "11"), ("%3Cscript%3E", ""), ("", "")] {
        let answer = Http::new(&io).get(&format!("/socket.io/?EIO=4&transport=polling&j={j}")).await;
        assert!(handed(&answer, digits).starts_with("0{"), "{j}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_emitted_cannot_leave_the_string() {
    let io = serve(echo());
    let session = Session::open(&io, "EIO=4").await;
    session.post("d=40").await;
    session.poll().await;
    let text = "\"</script><!--\u{2028}\u{2029}\\";
    io.of("/").emit("a", text).unwrap();
    let answer = session.http.get(&session.target).await;
    assert!(!answer.body.contains(['<', '\u{2028}', '\u{2029}']), "{}", answer.body);
    assert_eq!(handed(&answer, "0"), format!("42{}", serde_json::json!(["a", text])));
}

#[tokio::test(start_paused = true)]
async fn a_form_without_a_payload_closes_the_session() {
    let log = Log::default();
    let ends = log.clone();
    let io = serve(echo().on_disconnect(move |reason: enchufe::DisconnectReason| {
        ends.push(reason.as_str());
        async {}
    }));
    let session = Session::open(&io, "EIO=4").await;
    session.post("d=40").await;
    session.poll().await;
    assert_eq!(session.post("40").await.status, 400);
    assert_eq!(log.wait(1).await, ["parse error"]);
}

#[tokio::test(start_paused = true)]
async fn a_close_is_a_script_too() {
    let io = serve(echo());
    let session = Session::open(&io, "EIO=4").await;
    let parked = session.http.get(&session.target);
    let close = async {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        session.post("d=1").await
    };
    let (parked, _) = tokio::join!(parked, close);
    assert_eq!(handed(&parked, "0"), "6");
}

#[tokio::test(start_paused = true)]
async fn where_origins_are_checked_a_script_must_say_which_page_loads_it() {
    let io = serve_with(echo(), |io| io.check_origin(["https://friend.test"]));
    for (name, value, status) in [
        ("referer", "http://here.test/page", 200),
        ("referer", "https://friend.test/page", 200),
        ("referer", "https://evil.test/", 403),
        ("x-nothing", "", 403),
    ] {
        let request = Request::get("/socket.io/?EIO=4&transport=polling&j=0").header("host", "here.test");
        let request = request.header(name, value).body(Full::default()).unwrap();
        assert_eq!(Http::new(&io).send(request).await.status, status, "{name}: {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_internet_explorer_is_told_that_nothing_is_an_attack() {
    let io = serve(echo());
    for (agent, told) in [
        ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", Some("0")),
        ("Mozilla/4.0 (compatible;MSIE 8.0; Windows NT 6.1)", Some("0")),
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0", None),
    ] {
        let request = Request::get("/socket.io/?EIO=4&transport=polling").header("user-agent", agent);
        let answer = Http::new(&io).send(request.body(Full::default()).unwrap()).await;
        assert_eq!(answer.header("x-xss-protection"), told, "{agent}");
    }
}
