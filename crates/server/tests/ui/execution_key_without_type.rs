//! What events have in common is an `EventKey`, made of anything that can be hashed.

use enchufe::Execution;

fn main() {
    let _ = Execution::keyed(|event| Some(event.event().to_owned()));
}
