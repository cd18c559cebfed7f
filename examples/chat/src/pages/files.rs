//! Pictures: those people sent, for those who are in; and initials, for everybody.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::Oops;
use crate::app::App;
use crate::avatars;
use crate::visit::Visit;

/// An opened picture can run nothing and load nothing, whatever it is.
const SEALED: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// A picture from the database, with the type its bytes were seen to have.
pub(super) async fn picture(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<String>) -> Response {
    if visit.session.is_none() {
        return Oops::new(StatusCode::FORBIDDEN, "oops.log_in").in_language(visit.language);
    }
    match app.storage.picture(id).await {
        Ok(Some(picture)) => (
            [
                (CONTENT_TYPE, picture.format.as_str()),
                (CONTENT_SECURITY_POLICY, SEALED),
                (CONTENT_DISPOSITION, "inline"),
                (CACHE_CONTROL, "private, max-age=31536000, immutable"),
            ],
            picture.bytes,
        )
            .into_response(),
        Ok(None) => Oops::new(StatusCode::NOT_FOUND, "oops.not_found").in_language(visit.language),
        Err(error) => Oops::from(error).in_language(visit.language),
    }
}

/// Initials as a picture; see [`avatars::url`].
pub(super) async fn initials(Path((hue, file)): Path<(u16, String)>) -> Response {
    let svg = avatars::svg(hue, file.strip_suffix(".svg").unwrap_or_default());
    let headers = [
        (CONTENT_TYPE, "image/svg+xml"),
        (CONTENT_SECURITY_POLICY, SEALED),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, svg).into_response()
}
