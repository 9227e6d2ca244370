//! Gateways killed, engines in trouble and callers who hang up, by the thousand. It measures nothing: it fails
//! when a row and its relationships disagree.

use blackbox::faults::{self, Scene};
use std::time::Instant;

/// How many kills and faults, and how many hang-ups, without `BLACKBOX_FAULTS`.
const FAULTS: u32 = 2_000;

/// Does `BLACKBOX_FAULTS` of each, or the number above; callers hang up half as often.
pub async fn drive() {
    let faults = std::env::var("BLACKBOX_FAULTS").map_or(FAULTS, |number| number.parse().expect("a number of faults"));
    let started = Instant::now();
    let mut scene = Scene::new(1).await;
    println!("\nkilled at every step of making and ending a task");
    println!("{}", faults::kill_at_every_step(&mut scene, faults * 2 / 5).await);
    println!("killed under load\n{}", faults::kill_under_load(&mut scene, faults / 5).await);
    scene.must_agree().await;
    println!("stopped while others undid it");
    for _ in 0..faults / 400 {
        println!("{}", faults::pause_at_every_step(&scene).await);
    }
    scene.must_agree().await;
    println!("an engine and a database in trouble\n{}", faults::trouble_the_engine(&scene, faults / 5, 7).await);
    scene.must_agree().await;
    println!("callers who hang up\n{}", faults::hang_up_at_every_step(&scene, faults / 10).await);
    println!("{}", faults::hang_up_at_any_moment(&scene, faults * 2 / 5).await);
    scene.must_agree().await;
    let mut scene = Scene::new(2).await;
    println!("killed beside two reconcilers\n{}", faults::between_two_reconcilers(&mut scene, faults / 5).await);
    scene.must_agree().await;
    println!("all of it agreed; {:.0} s", started.elapsed().as_secs_f64());
}
