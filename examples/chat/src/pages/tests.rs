//! The pages as a browser meets them, without a port: cookies are kept, forms are sent as they were served.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::app::App;
use crate::config::{Config, parse_origin};
use crate::passwords::Passwords;
use crate::storage::tests::Scratch;
use crate::uploads::tests::png_of;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    fn csrf(&self) -> String {
        let marker =
            if self.body.contains("data-csrf=\"") { "data-csrf=\"" } else { "name=\"csrf\" value=\"" };
        self.body.split(marker).nth(1).expect("a form").split('"').next().unwrap().to_owned()
    }
}

struct Browser {
    router: Router,
    origin: &'static str,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn send(&mut self, request: http::request::Builder, body: impl Into<Body>) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let request = request.header(COOKIE, cookies.join("; ")).header("host", "localhost:3000");
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body: Vec<_> = form.iter().map(|(k, v)| format!("{k}={}", v.replace(' ', "+"))).collect();
        let request = Request::post(path)
            .header(ORIGIN, self.origin)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, body.join("&")).await
    }

    /// Opens a form and sends it.
    async fn fill(&mut self, path: &str, name: &str, password: &str) -> Answer {
        let csrf = self.get(path).await.csrf();
        self.post(path, &[("csrf", &csrf), ("name", name), ("password", password)]).await
    }
}

struct Site {
    app: std::sync::Arc<App>,
    _scratch: Scratch,
}

impl Site {
    async fn new() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let scratch = Scratch::new();
        let passwords = Passwords::with_cost(64, 1).unwrap();
        let app = App::new(config, scratch.open(), passwords).await.unwrap();
        Self { app, _scratch: scratch }
    }

    fn browser(&self) -> Browser {
        Browser {
            router: self.app.router().unwrap(),
            origin: "http://localhost:3000",
            cookies: BTreeMap::new(),
        }
    }
}

#[tokio::test]
async fn somebody_registers_logs_out_and_in_again() {
    let site = Site::new().await;
    let mut ana = site.browser();
    assert_eq!(ana.get("/").await.location(), "/login");
    let answer = ana.fill("/register", "Ana María", "correct horse").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    let page = ana.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("data-name=\"Ana María\""), "{}", page.body);
    assert_eq!(ana.get("/login").await.location(), "/", "those who are in need no entrance");

    let answer = ana.post("/logout", &[("csrf", &page.csrf())]).await;
    assert_eq!(answer.location(), "/login");
    assert_eq!(ana.get("/").await.location(), "/login");
    assert_eq!(ana.fill("/login", "ana MARÍA", "correct horse").await.location(), "/");
    assert_eq!(ana.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn logging_in_renews_the_session_and_ends_the_old_one() {
    let site = Site::new().await;
    let mut ana = site.browser();
    ana.fill("/register", "Ana", "correct horse").await;
    let mut eva = site.browser();
    eva.fill("/guest", "Eva", "").await;
    let before = eva.cookies["chat_session"].clone();
    assert_eq!(eva.fill("/login", "Ana", "correct horse").await.location(), "/");
    assert_ne!(eva.cookies["chat_session"], before);
    let mut thief = site.browser();
    thief.cookies.insert("chat_session".into(), before);
    assert_eq!(thief.get("/").await.location(), "/login");
}

#[tokio::test]
async fn a_guest_may_keep_the_nickname_and_nobody_else_gets_it() {
    let site = Site::new().await;
    let (mut eva, mut other) = (site.browser(), site.browser());
    eva.fill("/guest", "Eva", "").await;
    assert!(eva.get("/").await.body.contains("href=\"/register\""));
    let taken = other.fill("/register", "Eva", "correct horse").await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(eva.fill("/register", "Eva", "correct horse").await.location(), "/");
    assert!(eva.get("/").await.body.contains("data-guest=\"false\""));
}

#[tokio::test]
async fn a_session_that_was_planted_is_not_taken_over() {
    let site = Site::new().await;
    let mut ana = site.browser();
    let planted = crate::random::token::<32>();
    ana.cookies.insert("chat_session".into(), planted.clone());
    ana.fill("/register", "Ana", "correct horse").await;
    assert_ne!(ana.cookies["chat_session"], planted);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same() {
    let site = Site::new().await;
    site.browser().fill("/register", "Ana", "correct horse").await;
    let wrong = site.browser().fill("/login", "Ana", "wrong horse").await;
    let unknown = site.browser().fill("/login", "Eva", "wrong horse").await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    let text = |answer: &Answer| answer.body.split("id=\"problem\">").nth(1).unwrap()[..60].to_owned();
    assert_eq!(text(&wrong), text(&unknown));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_says_for_how_long() {
    let site = Site::new().await;
    site.browser().fill("/register", "Ana", "correct horse").await;
    let mut thief = site.browser();
    for _ in 0..5 {
        assert_eq!(thief.fill("/login", "Ana", "wrong horse").await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = thief.fill("/login", "Ana", "correct horse").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn forms_need_the_token_of_their_browser() {
    let site = Site::new().await;
    let mut ana = site.browser();
    let foreign = site.browser().get("/register").await.csrf();
    ana.get("/register").await;
    for token in ["", "AAAA", &foreign] {
        let form = [("csrf", token), ("name", "Ana"), ("password", "correct horse")];
        assert_eq!(ana.post("/register", &form).await.status, StatusCode::FORBIDDEN, "{token}");
    }
    assert!(!ana.cookies.contains_key("chat_session"));
    ana.fill("/register", "Ana", "correct horse").await;
    assert_eq!(ana.post("/logout", &[("csrf", &foreign)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ana.get("/").await.status, StatusCode::OK, "still logged in");
}

#[tokio::test]
async fn all_tabs_that_are_logged_out_at_once_can_log_in_again() {
    let site = Site::new().await;
    let mut first = site.browser();
    first.fill("/register", "Ana", "correct horse").await;
    let mut second = site.browser();
    second.cookies = first.cookies.clone();
    let csrf = first.get("/").await.csrf();
    first.post("/logout", &[("csrf", &csrf)]).await;
    // The second tab asks before it has the cookies of the first one's answer; whichever comes last is kept.
    let early = second.get("/login").await.csrf();
    let late = first.get("/login").await.csrf();
    assert_eq!(early, late);
    let form = [("csrf", early.as_str()), ("name", "Ana"), ("password", "correct horse")];
    assert_eq!(first.post("/login", &form).await.location(), "/");
}

#[tokio::test]
async fn posts_of_other_sites_are_refused() {
    let site = Site::new().await;
    let mut ana = site.browser();
    let csrf = ana.get("/guest").await.csrf();
    ana.origin = "https://evil.example";
    let answer = ana.post("/guest", &[("csrf", &csrf), ("name", "Ana")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.headers.contains_key("content-security-policy"), "guarded all the same");
}

#[tokio::test]
async fn what_was_typed_wrong_is_explained_and_escaped() {
    let site = Site::new().await;
    let mut ana = site.browser();
    let answer = ana.fill("/register", "\"><script>", "correct horse").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("letters and digits"), "{}", answer.body);
    assert!(!answer.body.contains("\"><script>"), "{}", answer.body);
    assert!(ana.fill("/register", "Ana", "short").await.body.contains("8 characters"));
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let site = Site::new().await;
    let mut ana = site.browser();
    for path in ["/", "/login", "/nothing", "/assets/x/chat.css", "/healthz"] {
        let answer = ana.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("unsafe"), "{path}");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert!(!answer.headers.contains_key("strict-transport-security"), "{path}");
    }
    assert_eq!(ana.get("/nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_have_nothing_inline() {
    let site = Site::new().await;
    let mut ana = site.browser();
    let mut pages = vec![ana.get("/login").await, ana.get("/register").await, ana.get("/guest").await];
    ana.fill("/register", "Ana", "correct horse").await;
    pages.push(ana.get("/").await);
    for page in pages {
        for inline in [" style=", "<style", " onclick=", " onload=", "javascript:", "<script>"] {
            assert!(!page.body.contains(inline), "{inline}");
        }
    }
}

#[tokio::test]
async fn behind_https_the_cookies_are_bound_to_it() {
    let config =
        Config { public_url: Some(parse_origin("https://chat.example.org").unwrap()), trust_proxy: false };
    let site = Site::with(config).await;
    let mut ana = site.browser();
    ana.origin = "https://chat.example.org";
    let answer = ana.fill("/register", "Ana", "correct horse").await;
    let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-chat_session="), "{cookie}");
    for guard in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(guard), "{cookie}");
    }
    assert!(answer.headers.contains_key("strict-transport-security"));
    assert_eq!(ana.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_language_is_the_browsers_or_the_chosen_one() {
    let site = Site::new().await;
    let mut ana = site.browser();
    let page = ana.send(Request::get("/login").header("accept-language", "es-ES"), Body::empty()).await;
    assert!(page.body.contains("<html lang=\"es\"") && page.body.contains("Hola de nuevo"), "{}", page.body);
    let csrf = ana.get("/login").await.csrf();
    let answer = ana.post("/language", &[("csrf", &csrf), ("language", "es"), ("back", "/login")]).await;
    assert_eq!(answer.location(), "/login");
    assert!(ana.get("/login").await.body.contains("Hola de nuevo"));
    let away = [("csrf", csrf.as_str()), ("language", "en"), ("back", "//evil.example")];
    assert_eq!(ana.post("/language", &away).await.location(), "/");
    assert_eq!(
        ana.post("/language", &[("csrf", &csrf), ("language", "xx"), ("back", "/")]).await.status,
        400
    );
}

#[tokio::test]
async fn avatars_are_checked_by_their_bytes() {
    let site = Site::new().await;
    let mut ana = site.browser();
    ana.fill("/register", "Ana", "correct horse").await;
    let csrf = ana.get("/").await.csrf();
    let request = |csrf: &str| {
        Request::post("/account/avatar")
            .header(ORIGIN, "http://localhost:3000")
            .header(CONTENT_TYPE, "image/png")
            .header("x-csrf-token", csrf)
    };
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'/>";
    let answer = ana.send(request(&csrf), svg).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "{\"error\":\"not_a_picture\"}")
    );
    assert_eq!(ana.send(request("AAAA"), png_of(8, 8)).await.status, StatusCode::FORBIDDEN);
    let huge = ana.send(request(&csrf), vec![0; crate::uploads::MAX_AVATAR + 2]).await;
    assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE);

    let answer = ana.send(request(&csrf), png_of(8, 8)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let path = answer.body.split('"').nth(3).unwrap().to_owned();
    let picture = ana.get(&path).await;
    assert_eq!(picture.headers[CONTENT_TYPE], "image/png");
    assert!(picture.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert_eq!(picture.headers["x-content-type-options"], "nosniff");
    assert_eq!(site.browser().get(&path).await.status, StatusCode::FORBIDDEN, "only for those who are in");

    let mut guest = site.browser();
    guest.fill("/guest", "Eva", "").await;
    let csrf = guest.get("/").await.csrf();
    assert_eq!(guest.send(request(&csrf), png_of(8, 8)).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn files_are_kept_under_their_version() {
    let site = Site::new().await;
    let mut ana = site.browser();
    let page = ana.get("/login").await;
    let path = page.body.split('"').find(|part| part.ends_with("/base.css")).unwrap().to_owned();
    let css = ana.get(&path).await;
    assert_eq!(
        (css.status, css.headers[CONTENT_TYPE].to_str().unwrap()),
        (StatusCode::OK, "text/css; charset=utf-8")
    );
    assert!(css.headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(ana.get("/assets/old/base.css").await.headers["cache-control"], "no-cache");
    assert_eq!(ana.get("/assets/x/..%2f..%2fCargo.toml").await.status, StatusCode::NOT_FOUND);
}
