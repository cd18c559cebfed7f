//! What is answered over plain HTTP: the entrance, the chat's page, pictures; and what went wrong.

mod account;
mod chat;
mod entrance;
mod files;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::SET_COOKIE;
use serde::Deserialize;

use crate::app::App;
use crate::i18n::Language;
use crate::passwords::PasswordError;
use crate::storage::StorageError;
use crate::visit::Visit;
use crate::{assets, cookies, uploads};

/// The largest form, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// All pages.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(chat::show))
        .route("/login", get(entrance::show_login).post(entrance::login))
        .route("/register", get(entrance::show_register).post(entrance::register))
        .route("/guest", get(entrance::show_guest).post(entrance::enter_as_guest))
        .route("/logout", post(entrance::logout))
        .route("/language", post(choose_language))
        .route("/pictures/{id}", get(files::picture))
        .route("/avatar/{hue}/{file}", get(files::initials))
        .route(
            "/account/avatar",
            post(account::set_avatar).layer(DefaultBodyLimit::max(uploads::MAX_AVATAR + 1)),
        )
        .route("/account/avatar/remove", post(account::remove_avatar))
        .route("/assets/{version}/{name}", get(assets::serve))
        .route("/favicon.ico", get(async || Redirect::permanent(&asset("logo.svg"))))
        .route("/robots.txt", get(async || "User-agent: *\nDisallow: /\n"))
        .route("/healthz", get(async || "ok\n"))
        .fallback(async |language: Language| {
            Oops::new(StatusCode::NOT_FOUND, "oops.not_found").in_language(language)
        })
        .layer(DefaultBodyLimit::max(MAX_FORM))
}

/// The address of an embedded file.
pub(crate) fn asset(name: &str) -> String {
    format!("/assets/{}/{name}", *assets::VERSION)
}

/// What every template needs.
pub(crate) struct Frame {
    t: Language,
    theme: &'static str,
    csrf: String,
}

impl Frame {
    fn asset(&self, name: &str) -> String {
        asset(name)
    }
}

/// Renders a template for a visit, with the cookie its forms need.
fn page<T: Template>(
    status: StatusCode,
    visit: &Visit,
    app: &App,
    make: impl FnOnce(Frame) -> T,
) -> Response {
    let (csrf, cookie) = visit.csrf(app);
    let template = make(Frame { t: visit.language, theme: visit.theme, csrf });
    match template.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            if let Some(cookie) = cookie {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => {
            tracing::error!(%error, "a template did not render");
            Oops::new(StatusCode::INTERNAL_SERVER_ERROR, "oops.internal").in_language(visit.language)
        }
    }
}

#[derive(Deserialize)]
struct LanguageForm {
    csrf: String,
    language: String,
    back: String,
}

/// Remembers a language for a year and goes back to the page it was chosen on.
async fn choose_language(
    axum::extract::State(app): axum::extract::State<Arc<App>>,
    visit: Visit,
    axum::Form(form): axum::Form<LanguageForm>,
) -> Response {
    if !visit.csrf_holds(&app, &form.csrf) {
        return Oops::stale_form().in_language(visit.language);
    }
    let Some(language) = Language::from_code(&form.language) else {
        return Oops::new(StatusCode::BAD_REQUEST, "oops.bad_request").in_language(visit.language);
    };
    let back = match form.back.as_str() {
        back @ ("/login" | "/register" | "/guest") => back,
        _ => "/",
    };
    let cookie = cookies::set(cookies::LANGUAGE, language.code(), 365 * 24 * 60 * 60, visit.secure);
    ([(SET_COOKIE, cookie)], Redirect::to(back)).into_response()
}

#[derive(Template)]
#[template(path = "oops.html")]
struct OopsPage {
    t: Language,
    what: &'static str,
}

/// A failure, shown in words of the reader's language and without internals.
#[derive(Debug)]
pub(crate) struct Oops {
    status: StatusCode,
    what: &'static str,
}

impl Oops {
    fn new(status: StatusCode, what: &'static str) -> Self {
        Self { status, what }
    }

    /// The form was not made for this browser, or its session has ended since.
    fn stale_form() -> Self {
        Self::new(StatusCode::FORBIDDEN, "oops.stale_form")
    }

    fn in_language(self, t: Language) -> Response {
        let body = OopsPage { t, what: self.what }.render();
        match body {
            Ok(html) => (self.status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, "the error page did not render");
                (self.status, t.text(self.what)).into_response()
            }
        }
    }
}

impl IntoResponse for Oops {
    fn into_response(self) -> Response {
        self.in_language(Language::English)
    }
}

impl From<StorageError> for Oops {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "storage failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "oops.internal")
    }
}

impl From<PasswordError> for Oops {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "oops.busy"),
            PasswordError::Hash(_) | PasswordError::Task(_) => {
                tracing::error!(%error, "a password could not be hashed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "oops.internal")
            }
        }
    }
}

#[cfg(test)]
mod tests;
