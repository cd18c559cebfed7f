//! What the storage promises, on a database of its own for each test.

use std::path::PathBuf;

use super::pictures::{Picture, PictureRefused};
use super::*;

/// A folder that is deleted afterwards.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("enchufe-chat-{}", crate::random::token::<9>())))
    }

    pub(crate) fn open(&self) -> Storage {
        Storage::open(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The database threads may still hold the files for a moment; what is left is only a temporary file.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn user(db: &Storage, name: &str) -> i64 {
    match db.create_user(name.into(), name.to_lowercase(), "hash".into(), None).await.unwrap() {
        CreateUser::Created(id) => id,
        CreateUser::NameTaken => panic!("{name} is taken"),
    }
}

fn said(author: i64, client_id: &str, room: i64, text: &str) -> NewMessage {
    NewMessage {
        room,
        author: format!("u{author}"),
        name: "Somebody".into(),
        user_id: Some(author),
        client_id: client_id.into(),
        text: text.into(),
        picture: None,
    }
}

async fn lobby(db: &Storage) -> i64 {
    db.rooms_for(None).await.unwrap().into_iter().find(|r| r.room.lobby).unwrap().room.id
}

async fn summary(db: &Storage, user: i64, room: i64) -> RoomSummary {
    db.rooms_for(Some(user)).await.unwrap().into_iter().find(|r| r.room.id == room).unwrap()
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let scratch = Scratch::new();
    let (secret, ana, room) = {
        let db = scratch.open();
        let ana = user(&db, "Ana").await;
        let room = lobby(&db).await;
        db.add_message(said(ana, "client-id-1", room, "hello")).await.unwrap();
        (db.secret("csrf").await.unwrap(), ana, room)
    };
    let db = scratch.open();
    assert_eq!(db.secret("csrf").await.unwrap(), secret);
    assert_eq!(db.user_by_key("ana".into()).await.unwrap().unwrap().id, ana);
    let page = db.history_before(room, None, 10).await.unwrap();
    assert_eq!(page.messages[0].text, "hello");
    assert!(summary(&db, ana, room).await.entered);
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let file = scratch.0.join("chat.sqlite");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Storage::open(&scratch.0), Err(StorageError::TooNew { found: 99, .. })));
}

#[tokio::test]
async fn a_folder_serves_one_program_at_a_time() {
    let scratch = Scratch::new();
    let db = scratch.open();
    assert!(matches!(Storage::open(&scratch.0), Err(StorageError::InUse(_))));
    drop(db);
    scratch.open();
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let error = Storage::open(std::path::Path::new("/dev/null/chat")).err().unwrap();
    assert!(error.to_string().contains("/dev/null/chat"), "{error}");
}

#[tokio::test]
async fn a_name_is_taken_once_by_users_and_guests_together() {
    let scratch = Scratch::new();
    let db = scratch.open();
    user(&db, "Ana").await;
    let again = db.create_user("ANA".into(), "ana".into(), "h".into(), None).await.unwrap();
    assert_eq!(again, CreateUser::NameTaken);
    let session = |n: u8| NewSession { token_hash: [n; 32], public_id: format!("p{n}"), lifetime_ms: 60_000 };
    assert!(!db.start_guest_session(session(1), "Ana".into(), "ana".into(), None).await.unwrap());
    assert!(db.start_guest_session(session(2), "Eva".into(), "eva".into(), None).await.unwrap());
    assert!(!db.start_guest_session(session(3), "EVA".into(), "eva".into(), None).await.unwrap());
    let taken = db.create_user("Eva".into(), "eva".into(), "h".into(), None).await.unwrap();
    assert_eq!(taken, CreateUser::NameTaken);
    db.end_session([2; 32]).await.unwrap();
    user(&db, "Eva").await;
}

#[tokio::test]
async fn a_session_is_found_until_it_ends_or_is_replaced() {
    let scratch = Scratch::new();
    let db = scratch.open();
    let ana = user(&db, "Ana").await;
    let session =
        |n: u8, lifetime_ms| NewSession { token_hash: [n; 32], public_id: format!("p{n}"), lifetime_ms };
    db.start_session(session(1, 60_000), ana, None).await.unwrap();
    let found = db.session([1; 32]).await.unwrap().unwrap();
    assert_eq!((found.user_id, found.name.as_str(), found.public_id.as_str()), (Some(ana), "Ana", "p1"));

    db.start_session(session(2, 60_000), ana, Some([1; 32])).await.unwrap();
    assert_eq!(db.session([1; 32]).await.unwrap(), None, "replaced");
    assert!(db.session([2; 32]).await.unwrap().is_some());

    db.start_session(session(3, -1), ana, None).await.unwrap();
    assert_eq!(db.session([3; 32]).await.unwrap(), None, "run out");
    assert_eq!(db.sweep_sessions().await.unwrap(), ["p3"]);
    db.end_session([2; 32]).await.unwrap();
    assert_eq!(db.session([2; 32]).await.unwrap(), None, "ended");
}

#[tokio::test]
async fn a_message_sent_again_is_stored_once() {
    let scratch = Scratch::new();
    let db = scratch.open();
    let (ana, eva) = (user(&db, "Ana").await, user(&db, "Eva").await);
    let room = lobby(&db).await;
    let Stored::New(first) = db.add_message(said(ana, "client-id-1", room, "once")).await.unwrap() else {
        panic!("it is new");
    };
    let again = db.add_message(said(ana, "client-id-1", room, "changed")).await.unwrap();
    assert_eq!(again, Stored::Again(first.clone()));
    let other = db.add_message(said(eva, "client-id-1", room, "mine")).await.unwrap();
    assert!(matches!(other, Stored::New(_)), "ids of others do not collide");
    assert_eq!(db.history_before(room, None, 10).await.unwrap().messages.len(), 2);
    let found = db.message_by_client_id(format!("u{ana}"), "client-id-1".into()).await.unwrap();
    assert_eq!(found, Some(first));
}

#[tokio::test]
async fn history_is_paged_in_both_directions() {
    let scratch = Scratch::new();
    let db = scratch.open();
    let ana = user(&db, "Ana").await;
    let room = lobby(&db).await;
    for n in 0..25 {
        db.add_message(said(ana, &format!("client-id-{n}"), room, &n.to_string())).await.unwrap();
    }
    let texts = |page: &Page| page.messages.iter().map(|m| m.text.clone()).collect::<Vec<_>>();
    let newest = db.history_before(room, None, 10).await.unwrap();
    assert_eq!(texts(&newest), (15..25).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(newest.more);
    let older = db.history_before(room, Some(newest.messages[0].id), 10).await.unwrap();
    assert_eq!(texts(&older)[0], "5");
    let oldest = db.history_before(room, Some(older.messages[0].id), 10).await.unwrap();
    assert_eq!((texts(&oldest).len(), oldest.more), (5, false));
    let missed = db.history_after(room, newest.messages[6].id, 10).await.unwrap();
    assert_eq!((texts(&missed), missed.more), (vec!["22".to_string(), "23".into(), "24".into()], false));
}

#[tokio::test]
async fn unread_counts_what_others_said_since() {
    let scratch = Scratch::new();
    let db = scratch.open();
    let (ana, eva) = (user(&db, "Ana").await, user(&db, "Eva").await);
    let room = lobby(&db).await;
    for n in 0..3 {
        db.add_message(said(ana, &format!("client-id-{n}"), room, "x")).await.unwrap();
    }
    assert_eq!(summary(&db, eva, room).await.unread, 3);
    assert_eq!(summary(&db, ana, room).await.unread, 0, "one's own are read");
    let newest = db.history_before(room, None, 1).await.unwrap().messages[0].id;
    assert_eq!(db.mark_read(eva, room, newest - 1).await.unwrap(), Some(newest - 1));
    assert_eq!(summary(&db, eva, room).await.unread, 1);
    assert_eq!(db.mark_read(eva, room, i64::MAX).await.unwrap(), Some(newest), "not beyond the newest");
    assert_eq!(db.mark_read(eva, room, 0).await.unwrap(), Some(newest), "never back");
    assert_eq!(db.mark_read(eva, room + 1, 1).await.unwrap(), None, "not a member");
}

#[tokio::test]
async fn rooms_are_created_entered_and_left() {
    let scratch = Scratch::new();
    let db = scratch.open();
    let (ana, eva) = (user(&db, "Ana").await, user(&db, "Eva").await);
    let made = db.create_room("Cine".into(), "cine".into(), "Films".into(), ana).await.unwrap();
    let CreateRoom::Created(room) = made else { panic!("{made:?}") };
    let again = db.create_room("CINE".into(), "cine".into(), String::new(), eva).await.unwrap();
    assert_eq!(again, CreateRoom::NameTaken);
    assert!(db.enter_room(eva, room.id).await.unwrap());
    assert!(!db.enter_room(eva, room.id).await.unwrap(), "entered already");
    let names: Vec<_> = db.members(room.id, 10).await.unwrap().into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["Ana", "Eva"]);
    assert!(db.leave_room(ana, room.id).await.unwrap());
    assert!(!db.leave_room(ana, room.id).await.unwrap());
    assert!(!summary(&db, ana, room.id).await.entered);
    assert!(matches!(db.enter_room(ana, 999).await, Err(StorageError::Sqlite(_))), "no such room");
    assert_eq!(db.room(999).await.unwrap(), None);
}

#[tokio::test]
async fn pictures_are_stored_within_a_days_allowance() {
    let scratch = Scratch::new();
    let db = scratch.open();
    let picture = |size| NewPicture {
        owner: "u1".into(),
        format: "image/png",
        width: 1,
        height: 1,
        bytes: vec![7; size],
    };
    let id = db.add_picture(picture(10)).await.unwrap().unwrap();
    let found = db.picture(id.clone()).await.unwrap().unwrap();
    assert_eq!(found, Picture { format: "image/png".into(), bytes: vec![7; 10] });
    let huge = usize::try_from(super::pictures::DAILY_BYTES).unwrap();
    assert_eq!(db.add_picture(picture(huge)).await.unwrap(), Err(PictureRefused));
    db.drop_picture(id.clone()).await.unwrap();
    assert_eq!(db.picture(id).await.unwrap(), None);
}

#[tokio::test]
async fn an_avatar_replaces_the_one_before() {
    let scratch = Scratch::new();
    let db = scratch.open();
    let ana = user(&db, "Ana").await;
    let room = lobby(&db).await;
    db.add_message(said(ana, "client-id-1", room, "x")).await.unwrap();
    let picture =
        || NewPicture { owner: "u1".into(), format: "image/png", width: 1, height: 1, bytes: vec![1] };
    let first = db.add_picture(picture()).await.unwrap().unwrap();
    db.set_avatar(ana, Some(first.clone())).await.unwrap();
    let shown = db.history_before(room, None, 1).await.unwrap().messages[0].avatar.clone();
    assert_eq!(shown, format!("/pictures/{first}"));
    let second = db.add_picture(picture()).await.unwrap().unwrap();
    db.set_avatar(ana, Some(second.clone())).await.unwrap();
    assert_eq!(db.picture(first).await.unwrap(), None);
    db.set_avatar(ana, None).await.unwrap();
    assert_eq!(db.picture(second).await.unwrap(), None);
    assert_eq!(db.user_by_key("ana".into()).await.unwrap().unwrap().avatar, None);
}

#[tokio::test]
async fn writes_that_wait_together_succeed_and_fail_each_for_itself() {
    let scratch = Scratch::new();
    let db = scratch.open();
    let ana = user(&db, "Ana").await;
    let room = lobby(&db).await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let holding = tokio::spawn({
        let db = db.clone();
        async move { db.write(move |_| Ok(held.recv().is_ok())).await }
    });
    tokio::task::yield_now().await;
    // These queue up behind the one that holds the thread.
    let first = tokio::spawn({
        let db = db.clone();
        async move { db.add_message(said(ana, "client-id-1", room, "kept")).await }
    });
    let broken = tokio::spawn({
        let db = db.clone();
        async move {
            db.write(move |db| {
                db.execute("DELETE FROM messages", [])?;
                db.execute("INSERT INTO memberships VALUES (999, 999, 0, 0)", [])?;
                Ok(())
            })
            .await
        }
    });
    let last = tokio::spawn({
        let db = db.clone();
        async move { db.add_message(said(ana, "client-id-2", room, "kept too")).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    release.send(()).unwrap();
    assert!(holding.await.unwrap().unwrap());
    assert!(matches!(first.await.unwrap(), Ok(Stored::New(_))));
    assert!(matches!(broken.await.unwrap(), Err(StorageError::Sqlite(_))));
    assert!(matches!(last.await.unwrap(), Ok(Stored::New(_))));
    let page = db.history_before(room, None, 10).await.unwrap();
    let texts: Vec<_> = page.messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["kept", "kept too"], "what failed was undone, and nothing else");
}
