//! What can name rooms.

use enchufe_cluster::RoomName;
use smallvec::{SmallVec, smallvec};

use crate::id::SocketId;

/// One room or several: a `&str`, a `String`, a [`SocketId`], or a slice, array, `Vec` of them.
///
/// ```
/// # fn example(socket: &enchufe::Socket) {
/// socket.join("lobby");
/// socket.join(["lobby", "garden"]);
/// socket.join(vec![format!("user:{}", 7)]);
/// # }
/// ```
pub trait Rooms {
    /// The names, in a form that is the crate's own.
    #[doc(hidden)]
    fn into_names(self) -> RoomNames;
}

/// Names of rooms; one needs no allocation beside its own.
#[doc(hidden)]
#[derive(Debug)]
pub struct RoomNames(SmallVec<[RoomName; 1]>);

impl std::ops::Deref for RoomNames {
    type Target = [RoomName];

    fn deref(&self) -> &[RoomName] {
        &self.0
    }
}

impl RoomNames {
    pub(crate) fn to_vec(&self) -> Vec<RoomName> {
        self.0.to_vec()
    }

    pub(crate) fn add_to(self, names: &mut SmallVec<[RoomName; 1]>) {
        names.extend(self.0);
    }
}

impl Rooms for &str {
    fn into_names(self) -> RoomNames {
        RoomNames(smallvec![self.into()])
    }
}

impl Rooms for String {
    fn into_names(self) -> RoomNames {
        RoomNames(smallvec![self.into()])
    }
}

impl Rooms for &String {
    fn into_names(self) -> RoomNames {
        self.as_str().into_names()
    }
}

impl Rooms for SocketId {
    fn into_names(self) -> RoomNames {
        self.as_str().into_names()
    }
}

impl Rooms for &SocketId {
    fn into_names(self) -> RoomNames {
        self.as_str().into_names()
    }
}

impl<T: AsRef<str>> Rooms for &[T] {
    fn into_names(self) -> RoomNames {
        RoomNames(self.iter().map(|room| room.as_ref().into()).collect())
    }
}

impl<T: AsRef<str>> Rooms for &Vec<T> {
    fn into_names(self) -> RoomNames {
        self.as_slice().into_names()
    }
}

impl<T: AsRef<str>> Rooms for Vec<T> {
    fn into_names(self) -> RoomNames {
        self.as_slice().into_names()
    }
}

impl<T: AsRef<str>, const N: usize> Rooms for [T; N] {
    fn into_names(self) -> RoomNames {
        self.as_slice().into_names()
    }
}
