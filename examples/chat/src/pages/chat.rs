//! The chat's page: a frame that the scripts fill.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::SET_COOKIE;

use super::entrance::{GUEST_LIFETIME_MS, USER_LIFETIME_MS, session_cookie};
use super::{Frame, Oops, page};
use crate::app::App;
use crate::names;
use crate::storage::now_ms;
use crate::uploads;
use crate::visit::{Person, Visit, token_hash};

#[derive(Template)]
#[template(path = "chat.html")]
struct ChatPage {
    frame: Frame,
    me: Person,
    max_message: usize,
    max_room_name: usize,
    max_topic: usize,
    max_picture: usize,
    max_avatar: usize,
}

/// Shows the chat to those who have a session, which lasts longer for it, and the entrance to others.
pub(super) async fn show(State(app): State<Arc<App>>, visit: Visit) -> Response {
    let Some(session) = visit.session.clone() else {
        return Redirect::to("/login").into_response();
    };
    let lifetime = if session.person.guest { GUEST_LIFETIME_MS } else { USER_LIFETIME_MS };
    let mut cookie = None;
    // Once a half of the life is over, so that not every visit writes.
    if session.expires_at - now_ms() < lifetime / 2 {
        if let Err(error) = app.storage.prolong_session(token_hash(&session.token), lifetime).await {
            return Oops::from(error).in_language(visit.language);
        }
        cookie = Some(session_cookie(&session.token, visit.secure));
    }
    let mut response = page(StatusCode::OK, &visit, &app, |frame| ChatPage {
        frame,
        me: session.person,
        max_message: names::MAX_MESSAGE,
        max_room_name: names::MAX_ROOM_NAME,
        max_topic: names::MAX_TOPIC,
        max_picture: uploads::MAX_PICTURE,
        max_avatar: uploads::MAX_AVATAR,
    });
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
