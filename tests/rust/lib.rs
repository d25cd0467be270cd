//! Nothing here: the tests that join crates are in the one test binary `joined`.
