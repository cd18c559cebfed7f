//! What travels between page and server; `README.md` has it in words.

use serde::{Deserialize, Serialize};

use crate::names::Problem;
use crate::storage::{Message, Page, Room, RoomSummary, StorageError};
use crate::throttle::Wait;
use crate::uploads::NotTaken;
use crate::visit::Person;

/// Why something was not done. The text for people is `problem.` + code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Refused {
    pub(super) error: &'static str,
    /// After how many seconds to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wait: Option<u64>,
}

impl Refused {
    pub(super) const fn because(error: &'static str) -> Self {
        Self { error, wait: None }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::because(problem.code())
    }
}

impl From<NotTaken> for Refused {
    fn from(not: NotTaken) -> Self {
        Self::because(not.code())
    }
}

impl From<Wait> for Refused {
    fn from(wait: Wait) -> Self {
        Self { error: "too_fast", wait: Some(wait.seconds()) }
    }
}

impl From<StorageError> for Refused {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "storage failed");
        Self::because("internal")
    }
}

// From the page.

#[derive(Debug, Deserialize)]
pub(crate) struct Create {
    pub(super) name: String,
    #[serde(default)]
    pub(super) topic: String,
}

/// A room's number, alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    pub(super) room: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Stretch {
    pub(super) room: i64,
    pub(super) before: Option<i64>,
    pub(super) after: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReadUpTo {
    pub(super) room: i64,
    #[serde(rename = "upTo")]
    pub(super) up_to: i64,
}

/// A message as the page sends it; `id` is the page's own.
#[derive(Debug, Deserialize)]
pub(crate) struct Say {
    pub(super) room: i64,
    pub(super) id: String,
    #[serde(default)]
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Typing {
    pub(super) room: i64,
    pub(super) on: bool,
}

// To the page.

#[derive(Debug, Serialize)]
pub(super) struct State<'a> {
    pub(super) me: &'a Person,
    pub(super) rooms: &'a [RoomSummary],
}

#[derive(Debug, Serialize)]
pub(crate) struct InRoom {
    pub(super) room: RoomSummary,
}

#[derive(Debug, Serialize)]
pub(super) struct NewRoom<'a> {
    pub(super) room: &'a Room,
}

/// Somebody in a room, and whether they are connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Present {
    #[serde(flatten)]
    pub(super) person: Person,
    pub(super) online: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Inside {
    pub(super) room: RoomSummary,
    pub(super) people: Vec<Present>,
    pub(super) page: Page,
}

#[derive(Debug, Serialize)]
pub(crate) struct Nothing {}

#[derive(Debug, Serialize)]
pub(crate) struct HasRead {
    pub(super) room: i64,
    #[serde(rename = "upTo")]
    pub(super) up_to: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Said {
    pub(super) message: Message,
}

#[derive(Debug, Serialize)]
pub(super) struct Entered<'a> {
    pub(super) room: i64,
    pub(super) person: &'a Person,
    /// Whether they have entered just now, rather than come back.
    pub(super) fresh: bool,
    pub(super) at: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Left<'a> {
    pub(super) room: i64,
    pub(super) person: &'a str,
    pub(super) name: &'a str,
    pub(super) at: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Away<'a> {
    pub(super) room: i64,
    pub(super) person: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct IsTyping<'a> {
    pub(super) room: i64,
    pub(super) person: &'a str,
    pub(super) name: &'a str,
    pub(super) on: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct NewAvatar<'a> {
    pub(super) person: &'a str,
    pub(super) avatar: &'a str,
}
