//! Tells the linker how a Node addon is loaded on each platform.

fn main() {
    napi_build::setup();
}
