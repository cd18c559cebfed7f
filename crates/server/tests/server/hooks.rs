//! What the application has a say in when a request comes: who may connect, under which id, with which headers; and
//! what it is told of refusals.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use enchufe::{
    BuildError, ConnectionError, Cookie, Cors, Namespace, PeerAddr, RequestHead, SameSite, Server,
    ServerBuilder,
};
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Http, Log, Polling, Received, Via, Ws, serve_with};

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

fn serve(change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    serve_with(Namespace::new("/"), change)
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// A request for a WebSocket, as far as its answer's head.
async fn websocket(io: &Server, query: &str) -> (u16, String) {
    let mut ws = Ws::in_memory(io, 1 << 16);
    ws.request(query, &[]).await;
    let head = ws.head().await;
    (head.status, head.text.to_lowercase())
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_allowed_is_told_why() {
    let io = serve(|io| {
        io.allow_request(async |request: RequestHead| {
            // As a database would.
            tokio::time::sleep(Duration::from_millis(10)).await;
            match request.query("deny") {
                Some(why) => Err(format!("denied: \"{why}\"")),
                None => Ok(()),
            }
        })
    });
    let answer = Http::new(&io).get(&format!("{POLLING}&deny=me")).await;
    assert_eq!(answer.status, 403);
    assert_eq!(body(&answer), json!({"code": 4, "message": "denied: \"me\""}));

    let mut ws = Ws::in_memory(&io, 4096);
    ws.request("EIO=4&transport=websocket&deny=me", &[]).await;
    let head = ws.head().await;
    assert_eq!(head.status, 400, "before the upgrade, not after it");
    assert_eq!(ws.rest().await, "denied: \"me\"");
    assert_eq!(io.connections(), 0);
    for via in Via::BOTH {
        Client::connect(&io, via).await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_handshakes_are_asked_about() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let io = serve(|io| {
        io.allow_request(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok::<_, String>(()) }
        })
    });
    let mut session = Polling::open(&io).await;
    session.post("40").await;
    assert!(session.packet().await.unwrap().starts_with("40"));
    let (status, _) = websocket(&io, &format!("EIO=4&transport=websocket&sid={}", session.sid)).await;
    assert_eq!((status, asked.load(Ordering::Relaxed)), (101, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_or_takes_too_long_lets_nobody_in() {
    let io = serve(|io| {
        io.allow_request(async |request: RequestHead| -> Result<(), String> {
            assert!(request.query("slow").is_some(), "as asked for");
            std::future::pending().await
        })
    });
    let http = Http::new(&io);
    assert_eq!(body(&http.get(POLLING).await), json!({"code": 4, "message": "internal error"}));
    let slow = http.get(&format!("{POLLING}&slow")).await;
    assert_eq!(body(&slow), json!({"code": 4, "message": "timeout"}));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_to_be_kept_opens_nothing() {
    let limits = enchufe::Limits { max_head_bytes: 500, ..Default::default() };
    let io = serve(|io| io.limits(limits));
    let http = Http::new(&io);
    for (length, status) in [(400, 200), (500, 431)] {
        let request = Request::get(POLLING).header("x-long", "x".repeat(length));
        assert_eq!(http.send(request.body(Full::default()).unwrap()).await.status.as_u16(), status);
    }
    let session = Polling::open(&io).await;
    let request = Request::post(session.target()).header("x-long", "x".repeat(500));
    let answer = http.send(request.body(Full::from("40")).unwrap()).await;
    assert_eq!(answer.body, "ok", "of other requests nothing is kept");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_in_the_middle_of_its_handshake_leaves_nothing() {
    let entered = Arc::new(AtomicUsize::new(0));
    let count = entered.clone();
    let io = serve(|io| {
        io.initial_packet("x".repeat(1 << 20)).allow_request(move |request: RequestHead| {
            count.fetch_add(1, Ordering::Relaxed);
            let slow = request.query("slow").is_some();
            async move {
                if slow {
                    tokio::time::sleep(Duration::from_secs(10)).await;
                }
                Ok::<_, String>(())
            }
        })
    });
    let http = Http::new(&io);
    // While it is decided whether it may, and while its first answer is being compressed.
    for (query, opened) in [("&slow", 0), ("", 1)] {
        let request = Request::get(format!("{POLLING}{query}")).header("accept-encoding", "gzip");
        let mut asked = Box::pin(http.send(request.body(Full::default()).unwrap()));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(asked.as_mut().poll(cx).is_pending()));
        assert!(polled.await, "it waits");
        assert_eq!(io.connections(), opened);
        drop(asked);
    }
    assert_eq!(entered.load(Ordering::Relaxed), 2);
    wait_until_gone(&io).await;
}

/// Nobody answers its pings.
async fn wait_until_gone(io: &Server) {
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(io.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn hooks_see_the_request_and_what_middleware_has_added() {
    #[derive(Clone)]
    struct User(&'static str);

    let log = Log::default();
    let seen = log.clone();
    let io = serve(|io| {
        io.allow_request(move |request: RequestHead| {
            seen.push(format!(
                "{} {} {:?} {:?} {:?} {:?} {}",
                request.method(),
                request.uri().path(),
                request.query("na me").as_deref(),
                request.header("x-key"),
                request.address(),
                request.extension::<User>().map(|user| user.0),
                request.is_handshake(),
            ));
            async { Ok::<_, &str>(()) }
        })
    });
    let address: SocketAddr = "10.1.2.3:4".parse().unwrap();
    let request = Request::get("/socket.io/?EIO=4&%74ransport=polling&na+me=a%26b&na+me=again")
        .header("x-key", "k")
        .extension(PeerAddr(address))
        .extension(User("ann"));
    assert_eq!(Http::new(&io).send(request.body(Full::default()).unwrap()).await.status, 200);
    let expected = r#"GET /socket.io/ Some("a&b") Some("k") Some(10.1.2.3:4) Some("ann") true"#;
    assert_eq!(log.entries(), [expected]);
}

#[tokio::test(start_paused = true)]
async fn every_refusal_is_told_with_its_context() {
    let log = Log::default();
    let told = log.clone();
    let io = serve(|io| {
        io.allow_request(async |request: RequestHead| match request.query("deny") {
            Some(_) => Err("nope"),
            None => Ok(()),
        })
        .on_connection_error(move |error, request| {
            told.push(format!("{} {}", request.method(), serde_json::to_string(error).unwrap()));
        })
    });
    let http = Http::new(&io);
    let sid = Polling::open(&io).await.sid;
    for (method, query) in [
        (Method::GET, "EIO=4&transport=foo"),
        (Method::GET, "EIO=4"),
        (Method::GET, "EIO=4&transport=polling&sid=zzz"),
        (Method::GET, "EIO=4&transport=polling&sid=__proto__"),
        (Method::POST, "EIO=4&transport=polling"),
        (Method::OPTIONS, "EIO=4&transport=polling"),
        (Method::GET, &format!("EIO=4&transport=websocket&sid={sid}")),
        (Method::GET, &format!("EIO=3&transport=polling&sid={sid}")),
        (Method::GET, "EIO=4&transport=websocket"),
        (Method::GET, "EIO=4&transport=polling&deny"),
        (Method::GET, "EIO=3&transport=polling&deny"),
        (Method::GET, "EIO=3&transport=polling"),
    ] {
        http.request(method, &format!("/socket.io/?{query}"), "").await;
    }
    let foreign = Request::get(POLLING).header("origin", HeaderValue::from_bytes(b"http://\xff").unwrap());
    http.send(foreign.body(Full::default()).unwrap()).await;
    let expected = [
        r#"GET {"code":0,"message":"Transport unknown","context":{"transport":"foo"}}"#,
        r#"GET {"code":0,"message":"Transport unknown","context":{}}"#,
        r#"GET {"code":1,"message":"Session ID unknown","context":{"sid":"zzz"}}"#,
        r#"GET {"code":1,"message":"Session ID unknown","context":{"sid":"__proto__"}}"#,
        r#"POST {"code":2,"message":"Bad handshake method","context":{"method":"POST"}}"#,
        r#"OPTIONS {"code":2,"message":"Bad handshake method","context":{"method":"OPTIONS"}}"#,
        r#"GET {"code":3,"message":"Bad request","context":{"name":"TRANSPORT_MISMATCH","transport":"websocket","previousTransport":"polling"}}"#,
        r#"GET {"code":3,"message":"Bad request","context":{"name":"PROTOCOL_MISMATCH","protocol":3,"previousProtocol":4}}"#,
        r#"GET {"code":3,"message":"Bad request","context":{"name":"TRANSPORT_HANDSHAKE_ERROR"}}"#,
        r#"GET {"code":4,"message":"nope","context":{"message":"nope"}}"#,
        r#"GET {"code":4,"message":"nope","context":{"message":"nope"}}"#,
        r#"GET {"code":5,"message":"Unsupported protocol version","context":{"protocol":3}}"#,
        "GET {\"code\":3,\"message\":\"Bad request\",\"context\":{\"name\":\"INVALID_ORIGIN\",\"origin\":\"http://\u{fffd}\"}}",
    ];
    for (told, expected) in log.entries().iter().zip(expected) {
        assert_eq!(told, expected);
    }
    assert_eq!(log.entries().len(), expected.len());
}

#[tokio::test(start_paused = true)]
async fn refused_upgrades_are_told_too() {
    let log = Log::default();
    let told = log.clone();
    let io = serve(|io| {
        io.on_connection_error(move |error, _| {
            told.push(serde_json::to_value(error).unwrap()["context"].to_string());
        })
    });
    let sid = Polling::open(&io).await.sid;
    for (query, status) in [
        ("EIO=4&transport=polling".into(), 400),
        (format!("EIO=4&transport=polling&sid={sid}"), 400),
        (format!("EIO=3&transport=websocket&sid={sid}"), 400),
        ("EIO=3&transport=websocket".into(), 400),
        (format!("EIO=4&transport=websocket&sid={sid}"), 101),
    ] {
        assert_eq!(websocket(&io, &query).await.0, status, "{query}");
    }
    let old = Request::get("/socket.io/?EIO=4&transport=websocket")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "8")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(Http::new(&io).send(old.body(Full::default()).unwrap()).await.status, 426);
    assert_eq!(
        log.entries(),
        [
            r#"{"name":"TRANSPORT_HANDSHAKE_ERROR"}"#,
            r#"{"name":"TRANSPORT_MISMATCH","previousTransport":"polling","transport":"polling"}"#,
            r#"{"name":"PROTOCOL_MISMATCH","previousProtocol":4,"protocol":3}"#,
            r#"{"protocol":3}"#,
            r#"{"name":"TRANSPORT_HANDSHAKE_ERROR"}"#,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn ids_of_the_application_are_used_by_both_transports() {
    let count = Arc::new(AtomicUsize::new(0));
    let io = serve(|io| {
        io.cookie("io").generate_id(move |request: RequestHead| {
            let count = count.fetch_add(1, Ordering::Relaxed);
            let via = request.query("transport").unwrap_or_default().into_owned();
            async move { Ok::<_, String>(format!("the.{via}~session-{count}")) }
        })
    });
    let answer = Http::new(&io).get(POLLING).await;
    assert!(answer.body.contains("\"sid\":\"the.polling~session-0\""), "{}", answer.body);
    assert!(answer.header("set-cookie").unwrap().starts_with("io=the.polling~session-0; "));
    let mut session = Polling::open(&io).await;
    assert_eq!(session.sid, "the.polling~session-1");
    session.post("40").await;
    assert!(session.packet().await.unwrap().starts_with("40{\"sid\":"));
    let mut ws = Ws::in_memory(&io, 4096);
    ws.upgrade("EIO=4&transport=websocket").await;
    assert!(ws.text().await.contains("the.websocket~session-2"));
    assert_eq!(io.connections(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_cannot_be_used_opens_nothing() {
    let log = Log::default();
    let told = log.clone();
    let io = serve(|io| {
        io.generate_id(async |request: RequestHead| match request.query("id") {
            Some(id) => Ok(id.into_owned()),
            None => Err("out of ids"),
        })
        .on_connection_error(move |error, _| match error {
            ConnectionError::BadRequest(why) => told.push(format!("{why:?}")),
            other => told.push(format!("not expected: {other}")),
        })
    });
    let http = Http::new(&io);
    let good = "0123456789abcdef";
    assert_eq!(http.get(&format!("{POLLING}&id={good}")).await.status, 200);
    for (id, error) in [
        ("&id=short", "an id has 16 to 128 characters, not 5"),
        ("&id=0123456789abc%22%3Bx", "an id consists of"),
        ("&id=0123456789abcdef", "the id is another session's"),
        ("", "out of ids"),
    ] {
        let answer = http.get(&format!("{POLLING}{id}")).await;
        assert_eq!(
            (answer.status.as_u16(), body(&answer)),
            (400, json!({"code": 3, "message": "Bad request"}))
        );
        let last = log.entries().pop().unwrap();
        assert!(last.starts_with("IdGenerationError") && last.contains(error), "{last}");
        assert_eq!(websocket(&io, &format!("EIO=4&transport=websocket{id}")).await.0, 400);
    }
    assert_eq!(io.connections(), 1);
    assert_eq!(http.get(&format!("{POLLING}&sid={good}x")).await.status, 400);
    assert_eq!(http.request(Method::POST, &format!("{POLLING}&sid={good}"), "40").await.body, "ok");
}

#[tokio::test(start_paused = true)]
async fn of_two_that_are_given_one_id_at_once_one_is_let_in() {
    let log = Log::default();
    let told = log.clone();
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let io = serve(|io| {
        io.generate_id(move |_| {
            let both = both.clone();
            async move {
                both.wait().await;
                Ok::<_, String>("one-and-the-same-id".to_owned())
            }
        })
        .on_connection_error(move |error, request| {
            let via = request.query("transport").unwrap_or_default().into_owned();
            told.push(format!("{via} {}", serde_json::to_value(error).unwrap()["context"]["error"]));
        })
    });
    let (mut one, mut other) = (Ws::in_memory(&io, 4096), Ws::in_memory(&io, 4096));
    for ws in [&mut one, &mut other] {
        ws.request("EIO=4&transport=websocket", &[]).await;
    }
    for ws in [&mut one, &mut other] {
        assert_eq!(ws.head().await.status, 101);
    }
    let open = |received: &Received| matches!(received, Received::Text(text) if text.starts_with("0{"));
    let received = [one.recv().await, other.recv().await];
    assert_eq!(received.iter().filter(|received| open(received)).count(), 1, "{received:?}");
    assert!(received.contains(&Received::End), "{received:?}");
    assert_eq!(log.entries(), [r#"websocket "the id is another session's""#]);
    assert_eq!(io.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn headers_are_added_to_answers_but_not_to_refusals() {
    let io = serve(|io| {
        io.cookie("io")
            .initial_headers(|headers, request| {
                headers.append(header::SET_COOKIE, HeaderValue::from_static("first=1"));
                headers.append(header::SET_COOKIE, HeaderValue::from_static("second=2"));
                if let Ok(via) = HeaderValue::from_str(&request.query("transport").unwrap_or_default()) {
                    headers.insert("x-initial", via);
                }
            })
            .headers(|headers, _| {
                headers.insert("x-each", HeaderValue::from_static("yes"));
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
                headers.insert(header::UPGRADE, HeaderValue::from_static("h2c"));
            })
    });
    let http = Http::new(&io);
    let answer = http.get(POLLING).await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
    assert!(cookies[0].starts_with("io="), "{cookies:?}");
    assert_eq!(cookies[1..], ["first=1", "second=2"]);
    assert_eq!((answer.header("x-initial"), answer.header("x-each")), (Some("polling"), Some("yes")));

    let session = Polling::open(&io).await;
    for answer in [session.post("40").await, session.poll().await] {
        assert_eq!((answer.status.as_u16(), answer.header("x-each")), (200, Some("yes")));
        assert_eq!((answer.header("x-initial"), answer.header("set-cookie")), (None, None));
    }
    assert_eq!(http.get("/socket.io/?EIO=4&transport=polling&sid=zzz").await.header("x-each"), None);

    let (status, head) = websocket(&io, "EIO=4&transport=websocket").await;
    assert_eq!(status, 101);
    assert!(head.contains("x-initial: websocket") && head.contains("x-each: yes"), "{head}");
    assert!(head.contains("set-cookie: first=1"), "{head}");
    assert!(!head.contains("io=") && !head.contains("h2c") && !head.contains("content-length"), "{head}");
    let (_, head) = websocket(&io, &format!("EIO=4&transport=websocket&sid={}", session.sid)).await;
    assert!(head.contains("x-each: yes") && !head.contains("x-initial"), "{head}");
}

#[tokio::test(start_paused = true)]
async fn the_cookie_is_set_by_the_polling_handshake_only() {
    let cookie = Cookie::new("sid").path("/socket.io").same_site(SameSite::None).secure(true);
    let io = serve(|io| io.cookie(cookie));
    let answer = Http::new(&io).get(POLLING).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/socket.io; HttpOnly; Secure; SameSite=None"), "{cookie}");
    let session = Polling::open(&io).await;
    assert_eq!(session.post("40").await.header("set-cookie"), None);
    assert_eq!(session.poll().await.header("set-cookie"), None);
    assert!(!websocket(&io, "EIO=4&transport=websocket").await.1.contains("set-cookie"));
}

#[test]
fn options_that_cannot_be_used_fail_the_build() {
    let options = [
        Server::builder().cookie("a b"),
        Server::builder().transports([]),
        Server::builder().path("/socket.io?x"),
    ];
    for builder in options {
        assert!(matches!(builder.build(), Err(BuildError::InvalidOption { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn cors_may_depend_on_the_request() {
    let io = serve(|io| {
        io.cors_with(|request| {
            let friend = request.header("origin").is_some_and(|origin| origin.ends_with("//friend.test"));
            friend.then(|| Cors::any().credentials(true))
        })
    });
    let http = Http::new(&io);
    let send = async |method: Method, origin: &str| {
        let request = Request::builder().method(method).uri(POLLING).header("origin", origin);
        http.send(request.body(Full::default()).unwrap()).await
    };
    let allowed = send(Method::GET, "http://friend.test").await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("http://friend.test"));
    assert_eq!(send(Method::GET, "http://other.test").await.header("access-control-allow-origin"), None);
    assert_eq!(send(Method::OPTIONS, "http://friend.test").await.status, 204);
    let refused = send(Method::OPTIONS, "http://other.test").await;
    assert_eq!(
        (refused.status.as_u16(), body(&refused)["code"].clone()),
        (400, json!(2)),
        "no CORS: a method"
    );
}

#[tokio::test(start_paused = true)]
async fn the_path_is_a_whole_one() {
    let query = "?EIO=4&transport=polling";
    for (path, slash, ours, others) in [
        ("/socket.io", true, ["/socket.io/", "/socket.io/x"], ["/socket.io", "/socket.iox/"]),
        ("/socket.io/", false, ["/socket.io/", "/socket.io"], ["/socket.iox", "/x/socket.io"]),
        ("a/b", true, ["/a/b/", "/a/b/c/"], ["/a/bc/", "/a/"]),
        ("/", true, ["/", "/x"], ["", ""]),
    ] {
        let io = serve(|io| io.path(path).add_trailing_slash(slash));
        let http = Http::new(&io);
        for path in ours {
            assert_eq!(http.get(&format!("{path}{query}")).await.status, 200, "{path} of {io:?}");
        }
        for path in others.into_iter().filter(|path| !path.is_empty()) {
            assert_eq!(http.get(&format!("{path}{query}")).await.status, 404, "{path} of {io:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn odd_queries_confuse_nobody() {
    let io = serve(|io| io);
    let http = Http::new(&io);
    for (query, status) in [
        ("EIO=4&EIO=3&transport=polling&transport=websocket", 200),
        ("E%49O=4&%74ransport=%70olling", 200),
        ("__proto__=x&constructor=y&EIO=4&transport=polling", 200),
        ("EIO=4&transport=polling&&=&x=%zz&%", 200),
        ("EIO=4&transport=polling&sid=&sid=x", 400),
        ("EIO=4&transport=__proto__", 400),
        ("EIO[]=4&transport[]=polling", 400),
    ] {
        assert_eq!(http.get(&format!("/socket.io/?{query}")).await.status.as_u16(), status, "{query}");
    }
}
