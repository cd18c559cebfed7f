//! A user's own picture.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::Oops;
use crate::app::App;
use crate::storage::NewPicture;
use crate::throttle::Wait;
use crate::uploads;
use crate::visit::{Visit, avatar_url};

/// Why a picture was not set; scripts show the text `problem.` + code.
enum Refused {
    Because(StatusCode, &'static str),
    Oops(Oops),
}

impl From<Wait> for Refused {
    fn from(_: Wait) -> Self {
        Self::Because(StatusCode::TOO_MANY_REQUESTS, "too_fast")
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

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Because(status, code) => (status, Json(json!({ "error": code }))).into_response(),
            Self::Oops(oops) => oops.into_response(),
        }
    }
}

/// The body is the picture itself; its declared type is not looked at.
pub(super) async fn set_avatar(
    State(app): State<Arc<App>>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change_avatar(&app, &visit, &headers, Some(body)).await.unwrap_or_else(IntoResponse::into_response)
}

/// Back to the initials.
pub(super) async fn remove_avatar(State(app): State<Arc<App>>, visit: Visit, headers: HeaderMap) -> Response {
    change_avatar(&app, &visit, &headers, None).await.unwrap_or_else(IntoResponse::into_response)
}

async fn change_avatar(
    app: &App,
    visit: &Visit,
    headers: &HeaderMap,
    body: Option<Bytes>,
) -> Result<Response, Refused> {
    let token = headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !visit.csrf_holds(app, token) {
        return Err(Refused::Because(StatusCode::FORBIDDEN, "stale_form"));
    }
    let person = visit.session.as_ref().map(|session| &session.person);
    let Some((person, user)) = person.and_then(|person| Some((person, person.user_id?))) else {
        return Err(Refused::Because(StatusCode::FORBIDDEN, "guests_may_not"));
    };
    app.avatars.take(user)?;
    let picture = match body {
        None => None,
        Some(body) => {
            let checked = uploads::check(&body, uploads::MAX_AVATAR)
                .map_err(|not| Refused::Because(StatusCode::UNPROCESSABLE_ENTITY, not.code()))?;
            let new = NewPicture {
                owner: person.key.clone(),
                format: checked.format,
                width: checked.width,
                height: checked.height,
                bytes: body.into(),
            };
            let stored = app.storage.add_picture(new).await?;
            Some(stored.map_err(|_| Refused::Because(StatusCode::TOO_MANY_REQUESTS, "pictures_full"))?)
        }
    };
    app.storage.set_avatar(user, picture.clone()).await?;
    let avatar = avatar_url(&person.key, &person.name, picture.as_deref());
    app.realtime.avatar_changed(&person.key, &avatar);
    Ok(Json(json!({ "avatar": avatar })).into_response())
}
