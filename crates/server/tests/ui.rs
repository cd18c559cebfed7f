//! What the compiler says to those who write a handler that can't work: each file in `tests/ui` is a mistake,
//! and the `.stderr` beside it what is to be read. `TRYBUILD=overwrite cargo test -p enchufe --test ui`
//! writes them anew; read the difference before it is committed.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
