//! The migrations are compiled into the crate, so a new file must compile it anew.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
