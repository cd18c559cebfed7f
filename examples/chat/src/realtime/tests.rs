//! The events of `README.md`, over long-polling and without a port: what each answers, and who is told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::App;
use crate::config::Config;
use crate::passwords::Passwords;
use crate::storage::tests::Scratch;
use crate::storage::{CreateUser, NewSession};
use crate::uploads::tests::png_of;
use crate::visit::token_hash;

const PATIENCE: Duration = Duration::from_secs(10);

struct Site {
    app: Arc<App>,
    router: Router,
    _scratch: Scratch,
}

impl Site {
    async fn new() -> Self {
        let scratch = Scratch::new();
        let passwords = Passwords::with_cost(64, 1).unwrap();
        let app = App::new(Config::default(), scratch.open(), passwords).await.unwrap();
        let router = app.router().unwrap();
        Self { app, router, _scratch: scratch }
    }

    fn session() -> (String, NewSession) {
        let secret = crate::random::token::<32>();
        let public_id = crate::random::token::<12>();
        let session = NewSession { token_hash: token_hash(&secret), public_id, lifetime_ms: 60_000 };
        (secret, session)
    }

    /// A user with a session; the cookie's value.
    async fn user(&self, name: &str) -> String {
        let (secret, session) = Self::session();
        let made = self
            .app
            .storage
            .create_user(name.into(), name.to_lowercase(), "hash".into(), None)
            .await
            .unwrap();
        let CreateUser::Created(id) = made else { panic!("{name} is taken") };
        self.app.storage.start_session(session, id, None).await.unwrap();
        secret
    }

    async fn guest(&self, name: &str) -> String {
        let (secret, session) = Self::session();
        let key = name.to_lowercase();
        assert!(self.app.storage.start_guest_session(session, name.into(), key, None).await.unwrap());
        secret
    }

    /// A tab that is connected and has been told how things stand.
    async fn tab(&self, cookie: &str) -> Tab {
        let mut tab = Tab::open(self, cookie).await;
        let reply = tab.next().await;
        assert!(reply.starts_with("40{"), "let in: {reply}");
        tab.state = tab.event("state").await;
        tab
    }
}

/// A Socket.IO client over long-polling.
struct Tab {
    router: Router,
    cookie: String,
    sid: String,
    packets: VecDeque<String>,
    acks: u64,
    state: Value,
}

impl Tab {
    async fn open(site: &Site, cookie: &str) -> Self {
        let (router, cookie) = (site.router.clone(), cookie.to_owned());
        let mut tab = Self {
            router,
            cookie,
            sid: String::new(),
            packets: VecDeque::new(),
            acks: 0,
            state: Value::Null,
        };
        let (status, body) = tab.request(Request::get("/socket.io/?EIO=4&transport=polling"), "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let open: Value = serde_json::from_str(body.strip_prefix('0').unwrap()).unwrap();
        tab.sid = open["sid"].as_str().unwrap().to_owned();
        tab.post("40").await;
        tab
    }

    async fn request(&self, request: http::request::Builder, body: &str) -> (StatusCode, String) {
        let request = request
            .header("host", "localhost:3000")
            .header("cookie", format!("chat_session={}", self.cookie))
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn url(&self) -> String {
        format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)
    }

    async fn post(&self, payload: &str) {
        let (status, body) = self.request(Request::post(self.url()), payload).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "ok"));
    }

    /// The next Socket.IO packet, with its Engine.IO type before it.
    async fn next(&mut self) -> String {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                return packet;
            }
            let poll = self.request(Request::get(self.url()), "");
            let (status, body) = tokio::time::timeout(PATIENCE, poll).await.expect("a packet in time");
            if status != StatusCode::OK {
                return format!("closed: {status}");
            }
            let packets = body.split('\u{1e}').filter(|packet| *packet != "2");
            self.packets.extend(packets.map(str::to_owned));
        }
    }

    /// The argument of the next event of this name; others before it are passed over.
    async fn event(&mut self, name: &str) -> Value {
        let start = format!("42[\"{name}\"");
        loop {
            let packet = self.next().await;
            assert!(!packet.starts_with("closed"), "closed before {name}: {packet}");
            if packet.starts_with(&start) {
                let mut event: Value = serde_json::from_str(&packet[2..]).unwrap();
                return event.get_mut(1).map(Value::take).unwrap_or_default();
            }
        }
    }

    /// Emits and waits for the answer; events that come first are kept.
    async fn ask(&mut self, event: &str, argument: Value) -> Value {
        self.acks += 1;
        self.post(&format!("42{}{}", self.acks, json!([event, argument]))).await;
        self.answer().await
    }

    async fn ask_with_bytes(&mut self, event: &str, argument: Value, bytes: &[u8]) -> Value {
        self.acks += 1;
        let event = json!([event, argument, { "_placeholder": true, "num": 0 }]);
        self.post(&format!("451-{}{event}\u{1e}b{}", self.acks, STANDARD.encode(bytes))).await;
        self.answer().await
    }

    async fn answer(&mut self) -> Value {
        let start = format!("43{}[", self.acks);
        let mut before = Vec::new();
        loop {
            let packet = self.next().await;
            assert!(!packet.starts_with("closed"), "closed before the answer: {packet}");
            if let Some(rest) = packet.strip_prefix(&start) {
                for packet in before.into_iter().rev() {
                    self.packets.push_front(packet);
                }
                return serde_json::from_str(rest.strip_suffix(']').unwrap()).unwrap();
            }
            before.push(packet);
        }
    }

    fn lobby(&self) -> i64 {
        self.state["rooms"][0]["id"].as_i64().unwrap()
    }

    async fn say(&mut self, room: i64, id: &str, text: &str) -> Value {
        self.ask("say", json!({ "room": room, "id": id, "text": text })).await
    }

    async fn error(&mut self, event: &str, argument: Value) -> String {
        self.ask(event, argument).await["error"].as_str().unwrap_or("no error").to_owned()
    }
}

#[tokio::test]
async fn only_those_with_a_session_are_let_in() {
    let site = Site::new().await;
    for cookie in ["", "junk", &crate::random::token::<32>()] {
        let mut tab = Tab::open(&site, cookie).await;
        assert_eq!(tab.next().await, r#"44{"message":"unauthorized"}"#);
    }
    let ana = site.user("Ana").await;
    let tab = site.tab(&ana).await;
    assert_eq!((&tab.state["me"]["name"], &tab.state["me"]["guest"]), (&json!("Ana"), &json!(false)));
    assert_eq!(tab.state["rooms"][0]["lobby"], json!(true));
    assert_eq!(tab.state["rooms"][0]["entered"], json!(true));
}

#[tokio::test]
async fn a_message_is_acknowledged_told_and_counted() {
    let site = Site::new().await;
    let (ana, eva) = (site.user("Ana").await, site.user("Eva").await);
    let (mut ana, mut eva_tab) = (site.tab(&ana).await, site.tab(&eva).await);
    let room = ana.lobby();
    let said = ana.say(room, "id-00000001", "hello").await;
    assert_eq!(
        (&said["message"]["text"], &said["message"]["clientId"]),
        (&json!("hello"), &json!("id-00000001"))
    );
    let told = eva_tab.event("message").await;
    assert_eq!(told, said["message"]);
    assert_eq!(site.tab(&eva).await.state["rooms"][0]["unread"], json!(1));

    let mut other = site.tab(&eva).await;
    let read = eva_tab.ask("read", json!({ "room": room, "upTo": told["id"] })).await;
    assert_eq!(read, json!({ "room": room, "upTo": told["id"] }));
    assert_eq!(other.event("read").await, read, "all tabs know");
    assert_eq!(site.tab(&eva).await.state["rooms"][0]["unread"], json!(0));
}

#[tokio::test]
async fn what_is_sent_again_is_answered_again_and_told_once() {
    let site = Site::new().await;
    let (ana, eva) = (site.user("Ana").await, site.user("Eva").await);
    let (mut ana, mut eva) = (site.tab(&ana).await, site.tab(&eva).await);
    let room = ana.lobby();
    let first = ana.say(room, "id-00000001", "once").await;
    assert_eq!(ana.say(room, "id-00000001", "once").await, first);
    ana.say(room, "id-00000002", "after").await;
    assert_eq!(eva.event("message").await["text"], json!("once"));
    assert_eq!(eva.event("message").await["text"], json!("after"));
}

#[tokio::test]
async fn rooms_are_made_entered_and_left_before_everybodys_eyes() {
    let site = Site::new().await;
    let (ana, eva) = (site.user("Ana").await, site.user("Eva").await);
    let (mut ana_tab, mut eva) = (site.tab(&ana).await, site.tab(&eva).await);
    let mut other = site.tab(&ana).await;
    let made = ana_tab.ask("create", json!({ "name": "Cine", "topic": "Films" })).await;
    let room = made["room"]["id"].as_i64().unwrap();
    assert_eq!(eva.event("room").await["room"]["name"], json!("Cine"));
    assert_eq!(other.event("joined").await, made, "the other tab is in it too");
    assert_eq!(eva.error("create", json!({ "name": "CINE" })).await, "room_taken");

    assert_eq!(eva.error("history", json!({ "room": room })).await, "not_entered");
    assert_eq!(eva.say(room, "id-00000001", "x").await["error"], json!("not_entered"));
    let inside = eva.ask("enter", json!({ "room": room })).await;
    assert_eq!(inside["people"].as_array().unwrap().len(), 2);
    assert_eq!(inside["people"][0]["online"], json!(true));
    let mut entered = ana_tab.event("entered").await;
    if entered["room"] == json!(ana_tab.lobby()) {
        // That was Eva's arrival.
        entered = ana_tab.event("entered").await;
    }
    assert_eq!((&entered["person"]["name"], &entered["fresh"]), (&json!("Eva"), &json!(true)));

    assert_eq!(eva.ask("leave", json!({ "room": room })).await, json!({}));
    assert_eq!(ana_tab.event("left").await["name"], json!("Eva"));
    let lobby = eva.lobby();
    assert_eq!(eva.error("leave", json!({ "room": lobby })).await, "lobby_stays");
    assert_eq!(eva.error("enter", json!({ "room": 999 })).await, "no_such_room");
}

#[tokio::test]
async fn guests_read_everywhere_and_write_in_the_lobby() {
    let site = Site::new().await;
    let ana = site.user("Ana").await;
    let mut ana = site.tab(&ana).await;
    let made = ana.ask("create", json!({ "name": "Cine" })).await;
    let room = made["room"]["id"].as_i64().unwrap();
    ana.say(room, "id-00000001", "inside").await;

    let pepa = site.guest("Pepa").await;
    let mut pepa = site.tab(&pepa).await;
    let lobby = pepa.lobby();
    assert_eq!(pepa.state["me"]["guest"], json!(true));
    assert_eq!(pepa.say(lobby, "id-00000001", "hi").await["error"], json!("not_entered"));
    pepa.ask("enter", json!({ "room": lobby })).await;
    assert_eq!(pepa.say(lobby, "id-00000001", "hi").await["message"]["text"], json!("hi"));
    assert_eq!(ana.event("message").await["name"], json!("Pepa"));

    let inside = pepa.ask("enter", json!({ "room": room })).await;
    assert_eq!(inside["page"]["messages"][0]["text"], json!("inside"));
    assert_eq!(pepa.say(room, "id-00000002", "x").await["error"], json!("guests_may_not"));
    assert_eq!(pepa.error("create", json!({ "name": "Mine" })).await, "guests_may_not");
    let argument = json!({ "room": lobby, "id": "id-00000003" });
    let answer = pepa.ask_with_bytes("picture", argument, &png_of(2, 2)).await;
    assert_eq!(answer["error"], json!("guests_may_not"));
}

#[tokio::test]
async fn pictures_are_checked_stored_once_and_served() {
    let site = Site::new().await;
    let ana = site.user("Ana").await;
    let mut tab = site.tab(&ana).await;
    let room = tab.lobby();
    let argument = |id: &str| json!({ "room": room, "id": id, "text": "look" });
    let answer = tab.ask_with_bytes("picture", argument("id-00000001"), b"<svg/>").await;
    assert_eq!(answer["error"], json!("not_a_picture"));
    let said = tab.ask_with_bytes("picture", argument("id-00000001"), &png_of(40, 30)).await;
    let picture = &said["message"]["picture"];
    assert_eq!((&picture["width"], &picture["height"]), (&json!(40), &json!(30)), "{said}");
    let again = tab.ask_with_bytes("picture", argument("id-00000001"), &png_of(40, 30)).await;
    assert_eq!(again, said);
    let stored = site.app.storage.picture(picture["id"].as_str().unwrap().into()).await.unwrap().unwrap();
    assert_eq!((stored.format.as_str(), stored.bytes), ("image/png", png_of(40, 30)));
}

#[tokio::test]
async fn typing_is_told_to_the_others_in_the_room() {
    let site = Site::new().await;
    let (ana, eva) = (site.user("Ana").await, site.user("Eva").await);
    let (ana, mut eva) = (site.tab(&ana).await, site.tab(&eva).await);
    let room = ana.lobby();
    // A volatile event reaches a tab that is polling; the answer to a question shows that it is not.
    let polling = tokio::spawn(async move { eva.event("typing").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    ana.post(&format!("42{}", json!(["typing", { "room": room, "on": true }]))).await;
    let typing = tokio::time::timeout(PATIENCE, polling).await.unwrap().unwrap();
    assert_eq!((&typing["name"], &typing["on"]), (&json!("Ana"), &json!(true)));
}

#[tokio::test]
async fn what_is_malformed_or_too_much_is_refused_and_harms_nobody() {
    let site = Site::new().await;
    let ana = site.user("Ana").await;
    let mut ana = site.tab(&ana).await;
    let room = ana.lobby();
    assert_eq!(ana.say(room, "x", "bad id").await["error"], json!("bad_request"));
    assert_eq!(ana.say(room, "id-00000001", " \n ").await["error"], json!("empty"));
    assert_eq!(ana.say(room, "id-00000001", &"x".repeat(4_001)).await["error"], json!("too_long"));
    for argument in [json!(null), json!("x"), json!({ "room": "1" }), json!([[[[1]]]])] {
        ana.post(&format!("42{}", json!(["say", argument]))).await;
    }
    let mut refused = None;
    for n in 0..40 {
        let answer = ana.say(room, &format!("id-{n:08}"), "flood").await;
        if answer["error"] == json!("too_fast") {
            refused = Some(answer["wait"].as_u64().unwrap());
            break;
        }
    }
    assert_eq!(refused, Some(1));
}

#[tokio::test]
async fn a_session_that_ends_takes_its_tabs_along() {
    let site = Site::new().await;
    let cookie = site.user("Ana").await;
    let mut tab = site.tab(&cookie).await;
    let session = site.app.storage.session(token_hash(&cookie)).await.unwrap().unwrap();
    site.app.realtime.session_ended(&session.public_id);
    tab.event("ended").await;
    loop {
        let packet = tab.next().await;
        if packet == "41" || packet == "1" || packet.starts_with("closed") {
            break;
        }
    }
}

#[tokio::test]
async fn one_person_has_so_many_tabs() {
    let site = Site::new().await;
    let ana = site.user("Ana").await;
    let mut tabs = Vec::new();
    for _ in 0..super::limits::MAX_TABS {
        tabs.push(site.tab(&ana).await);
    }
    let mut more = Tab::open(&site, &ana).await;
    assert_eq!(more.next().await, r#"44{"message":"too_many_tabs"}"#);
}

#[tokio::test]
async fn whoever_leaves_is_missed_after_a_while_and_not_for_a_reload() {
    let site = Site::new().await;
    let (ana, eva) = (site.user("Ana").await, site.user("Eva").await);
    let pepa = site.guest("Pepa").await;
    let (mut watching, leaving) = (site.tab(&ana).await, site.tab(&eva).await);
    let mut guest = site.tab(&pepa).await;
    let lobby = guest.lobby();
    guest.ask("enter", json!({ "room": lobby })).await;
    leaving.post("41").await;
    let back = site.tab(&eva).await;
    guest.post("41").await;
    assert_eq!(watching.event("left").await["name"], json!("Pepa"));
    back.post("41").await;
    let away = watching.event("away").await;
    assert_eq!(away["room"], json!(lobby));
}
