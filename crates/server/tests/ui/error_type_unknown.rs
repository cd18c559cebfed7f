//! `?` needs to know which error it makes: the closure says what it returns.

use enchufe::{Data, Namespace};

fn main() {
    Namespace::new("/").on("half", async |Data(text): Data<String>| {
        let number: i64 = text.parse()?;
        Ok(number / 2)
    });
}
