//! Logging in, registering, looking in as a guest, and logging out. All of it works without scripts.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::{RETRY_AFTER, SET_COOKIE};
use serde::Deserialize;

use super::{Frame, Oops, page};
use crate::app::App;
use crate::cookies;
use crate::names::{self, Name, Problem};
use crate::storage::{CreateUser, NewSession};
use crate::throttle::{Wait, address_key};
use crate::visit::{Visit, token_hash, visitor_cookie};

/// How long a user stays logged in without coming back: 30 days.
pub(crate) const USER_LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How long a guest keeps the nickname without coming back: one day.
pub(crate) const GUEST_LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;

/// Which of the three forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Login,
    Register,
    Guest,
}

impl Door {
    fn path(self) -> &'static str {
        match self {
            Self::Login => "/login",
            Self::Register => "/register",
            Self::Guest => "/guest",
        }
    }
}

#[derive(Template)]
#[template(path = "entrance.html")]
struct EntrancePage {
    frame: Frame,
    door: Door,
    name: String,
    problem: Option<String>,
}

/// A form that came in. The guest's has no password.
#[derive(Deserialize)]
pub(super) struct EntranceForm {
    csrf: String,
    name: String,
    #[serde(default)]
    password: String,
}

/// Why somebody was not let in.
enum Refused {
    /// The key of a text.
    Because(&'static str),
    Typed(Problem),
    Wait(Wait),
    Oops(Oops),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Typed(problem)
    }
}

impl From<Wait> for Refused {
    fn from(wait: Wait) -> Self {
        Self::Wait(wait)
    }
}

impl<E> From<E> for Refused
where
    Oops: From<E>,
{
    fn from(error: E) -> Self {
        Self::Oops(error.into())
    }
}

pub(super) async fn show_login(State(app): State<Arc<App>>, visit: Visit) -> Response {
    show(&app, &visit, Door::Login)
}

pub(super) async fn show_register(State(app): State<Arc<App>>, visit: Visit) -> Response {
    show(&app, &visit, Door::Register)
}

pub(super) async fn show_guest(State(app): State<Arc<App>>, visit: Visit) -> Response {
    show(&app, &visit, Door::Guest)
}

pub(super) async fn login(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(form): Form<EntranceForm>,
) -> Response {
    let name = form.name.clone();
    let result = try_login(&app, &visit, form).await;
    answer(&app, &visit, Door::Login, name, result)
}

pub(super) async fn register(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(form): Form<EntranceForm>,
) -> Response {
    let name = form.name.clone();
    let result = try_register(&app, &visit, form).await;
    answer(&app, &visit, Door::Register, name, result)
}

pub(super) async fn enter_as_guest(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(form): Form<EntranceForm>,
) -> Response {
    let name = form.name.clone();
    let result = try_guest(&app, &visit, form).await;
    answer(&app, &visit, Door::Guest, name, result)
}

#[derive(Deserialize)]
pub(super) struct LogoutForm {
    csrf: String,
}

/// Ends the session, in the database, in the browser, and in every tab that is connected with it.
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(form): Form<LogoutForm>,
) -> Response {
    if !visit.csrf_holds(&app, &form.csrf) {
        return Oops::stale_form().in_language(visit.language);
    }
    if let Some(session) = &visit.session {
        if let Err(error) = app.storage.end_session(token_hash(&session.token)).await {
            return Oops::from(error).in_language(visit.language);
        }
        app.realtime.session_ended(&session.person.session);
    }
    let mut response = Redirect::to("/login").into_response();
    let headers = response.headers_mut();
    let name = cookies::full_name(cookies::SESSION, visit.secure);
    headers.append(SET_COOKIE, cookies::set(&name, "", 0, visit.secure));
    if let Some(session) = &visit.session {
        headers.append(SET_COOKIE, visitor_cookie(&app.csrf.heir(&session.token), visit.secure));
    }
    response
}

async fn try_login(app: &App, visit: &Visit, form: EntranceForm) -> Result<String, Refused> {
    check_form(app, visit, &form)?;
    // A name that nobody can have is treated like one that nobody has.
    let key = names::name(&form.name).map_or_else(|_| String::new(), |name| name.key);
    app.logins.attempt(visit.address, &key)?;
    if form.password.chars().count() > 200 {
        return Err(Refused::Because("login.wrong"));
    }
    let user = app.storage.user_by_key(key.clone()).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let right = app.passwords.verify(form.password, hash).await?;
    let Some(user) = user.filter(|_| right) else {
        return Err(Refused::Because("login.wrong"));
    };
    app.logins.succeeded(visit.address, &key);
    start_user_session(app, visit, user.id).await
}

async fn try_register(app: &App, visit: &Visit, form: EntranceForm) -> Result<String, Refused> {
    check_form(app, visit, &form)?;
    let Name { shown, key } = names::name(&form.name)?;
    let password =
        names::password(&form.password, &Name { shown: shown.clone(), key: key.clone() })?.to_owned();
    app.registrations.take(address_key(visit.address))?;
    let hash = app.passwords.hash(password).await?;
    let own = visit.session.as_ref().map(|session| token_hash(&session.token));
    match app.storage.create_user(shown, key, hash, own).await? {
        CreateUser::Created(id) => start_user_session(app, visit, id).await,
        CreateUser::NameTaken => Err(Refused::Because("register.taken")),
    }
}

async fn try_guest(app: &App, visit: &Visit, form: EntranceForm) -> Result<String, Refused> {
    check_form(app, visit, &form)?;
    let Name { shown, key } = names::name(&form.name)?;
    app.guests.take(address_key(visit.address))?;
    let (secret, session) = fresh_session(GUEST_LIFETIME_MS);
    let old = visit.session.as_ref();
    let old_hash = old.map(|session| token_hash(&session.token));
    if !app.storage.start_guest_session(session, shown, key, old_hash).await? {
        return Err(Refused::Because("guest.taken"));
    }
    if let Some(old) = old {
        app.realtime.session_ended(&old.person.session);
    }
    Ok(secret)
}

fn check_form(app: &App, visit: &Visit, form: &EntranceForm) -> Result<(), Refused> {
    if visit.csrf_holds(app, &form.csrf) { Ok(()) } else { Err(Refused::Because("oops.stale_form")) }
}

/// A session under a new secret, in place of the one the browser came with: a secret that was planted or seen
/// before is worth nothing afterwards.
async fn start_user_session(app: &App, visit: &Visit, user: i64) -> Result<String, Refused> {
    let (secret, session) = fresh_session(USER_LIFETIME_MS);
    let old = visit.session.as_ref();
    app.storage.start_session(session, user, old.map(|session| token_hash(&session.token))).await?;
    if let Some(old) = old {
        app.realtime.session_ended(&old.person.session);
    }
    Ok(secret)
}

fn fresh_session(lifetime_ms: i64) -> (String, NewSession) {
    let secret = crate::random::token::<32>();
    let public_id = crate::random::token::<12>();
    let session = NewSession { token_hash: token_hash(&secret), public_id, lifetime_ms };
    (secret, session)
}

/// The cookie for a session's secret, as long as a user's session can last; the database has the last word.
pub(super) fn session_cookie(secret: &str, secure: bool) -> http::HeaderValue {
    cookies::set(&cookies::full_name(cookies::SESSION, secure), secret, USER_LIFETIME_MS / 1000, secure)
}

fn show(app: &App, visit: &Visit, door: Door) -> Response {
    if visit.session.as_ref().is_some_and(|session| !session.person.guest) {
        return Redirect::to("/").into_response();
    }
    entrance(app, visit, StatusCode::OK, door, String::new(), None)
}

fn answer(app: &App, visit: &Visit, door: Door, name: String, result: Result<String, Refused>) -> Response {
    let t = visit.language;
    let secret = match result {
        Ok(secret) => secret,
        Err(Refused::Oops(oops)) => return oops.in_language(t),
        Err(Refused::Wait(wait)) => {
            let text = t.text_with("oops.wait", wait.seconds());
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut response = entrance(app, visit, status, door, name, Some(text));
            response.headers_mut().insert(RETRY_AFTER, wait.seconds().into());
            return response;
        }
        Err(Refused::Because(key)) => {
            let status = match key {
                "login.wrong" => StatusCode::UNAUTHORIZED,
                "oops.stale_form" => StatusCode::FORBIDDEN,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            return entrance(app, visit, status, door, name, Some(t.text(key).to_owned()));
        }
        Err(Refused::Typed(problem)) => {
            let key = format!("problem.{}", problem.code());
            let text = t.text(&key).to_owned();
            return entrance(app, visit, StatusCode::UNPROCESSABLE_ENTITY, door, name, Some(text));
        }
    };
    let mut response = Redirect::to("/").into_response();
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, session_cookie(&secret, visit.secure));
    let visitor = cookies::full_name(cookies::VISITOR, visit.secure);
    headers.append(SET_COOKIE, cookies::set(&visitor, "", 0, visit.secure));
    response
}

fn entrance(
    app: &App,
    visit: &Visit,
    status: StatusCode,
    door: Door,
    name: String,
    problem: Option<String>,
) -> Response {
    let name = name.chars().take(64).collect();
    page(status, visit, app, |frame| EntrancePage { frame, door, name, problem })
}
