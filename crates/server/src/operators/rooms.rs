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
    /// The names.
    #[doc(hidden)]
    fn into_names(self) -> SmallVec<[RoomName; 1]>;
}

impl Rooms for &str {
    fn into_names(self) -> SmallVec<[RoomName; 1]> {
        smallvec![self.into()]
    }
}

impl Rooms for String {
    fn into_names(self) -> SmallVec<[RoomName; 1]> {
        smallvec![self.into()]
    }
}

impl Rooms for &String {
    fn into_names(self) -> SmallVec<[RoomName; 1]> {
        self.as_str().into_names()
    }
}

impl Rooms for SocketId {
    fn into_names(self) -> SmallVec<[RoomName; 1]> {
        self.as_str().into_names()
    }
}

impl Rooms for &SocketId {
    fn into_names(self) -> SmallVec<[RoomName; 1]> {
        self.as_str().into_names()
    }
}

impl<T: AsRef<str>> Rooms for &[T] {
    fn into_names(self) -> SmallVec<[RoomName; 1]> {
        self.iter().map(|room| room.as_ref().into()).collect()
    }
}

impl<T: AsRef<str>> Rooms for &Vec<T> {
    fn into_names(self) -> SmallVec<[RoomName; 1]> {
        self.as_slice().into_names()
    }
}

impl<T: AsRef<str>> Rooms for Vec<T> {
    fn into_names(self) -> SmallVec<[RoomName; 1]> {
        self.as_slice().into_names()
    }
}

impl<T: AsRef<str>, const N: usize> Rooms for [T; N] {
    fn into_names(self) -> SmallVec<[RoomName; 1]> {
        self.as_slice().into_names()
    }
}
