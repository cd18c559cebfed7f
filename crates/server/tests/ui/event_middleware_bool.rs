//! An event middleware says no with a refusal, not with `false`.

use enchufe::{Event, Namespace};

fn main() {
    let _ = Namespace::new("/").event_middleware(async |Event(event): Event| event == "hi");
}
