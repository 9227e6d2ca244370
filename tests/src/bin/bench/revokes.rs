//! What is taken away at one gateway is read at another, by the thousand. It fails when anything is.

use blackbox::{Settings, gateways::Gateways};
use std::time::Instant;

/// How many tries, without `BLACKBOX_REVOKES`.
const TRIES: usize = 10_000;
/// How many tasks they are done on at the same time.
const ABREAST: usize = 8;

/// Does `BLACKBOX_REVOKES` tries, or the number above.
pub async fn drive() {
    let tries = std::env::var("BLACKBOX_REVOKES").ok().and_then(|tries| tries.parse().ok()).unwrap_or(TRIES);
    let gateways = Gateways::start(Settings::default()).await;
    let began = Instant::now();
    gateways.revoke(ABREAST, tries.div_ceil(ABREAST)).await;
    let took = began.elapsed().as_secs_f64();
    println!("\n{tries} times a role was taken away at one gateway, and nothing was read at the other: {took:.0} s");
}
