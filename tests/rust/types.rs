//! The page's types are the ones that the Rust types say.

#[test]
fn the_pages_types_are_fresh() {
    let path = super::root().join("ui/src/backend/types.ts");
    let kept = std::fs::read_to_string(&path).expect("the page's types are there");
    assert!(
        kept == nc_api::typescript(),
        "ui/src/backend/types.ts is stale: run `cargo run -p nc-cli -- types > ui/src/backend/types.ts`"
    );
}
