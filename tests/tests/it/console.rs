//! The console over HTTP: what the page and its assets are, and what they may do.

use blackbox::{Server, Storage, tree};
use reqwest::{Method, Response, StatusCode};
use std::collections::BTreeSet;

async fn ask(server: &Server, method: Method, path: &str) -> Response {
    blackbox::client().request(method, format!("{}{path}", server.demo.url())).send().await.unwrap()
}

async fn get(server: &Server, path: &str) -> Response {
    ask(server, Method::GET, path).await
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// What a page asks for, by the attributes that say so.
fn addresses(page: &str) -> Vec<&str> {
    let after = |attribute| page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
    after("src=\"").chain(after("href=\"")).collect()
}

/// The script that the page starts with.
fn script(page: &str) -> &str {
    addresses(page).into_iter().find(|address| address.ends_with("/main.js")).expect("the page has a script")
}

#[tokio::test]
async fn the_page_runs_nothing_but_its_own_and_makes_html_of_no_text() {
    let server = Server::start(Storage::Memory).await;
    let page = get(&server, "/").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&page, "cache-control"), "no-cache");
    assert_eq!(header(&page, "referrer-policy"), "no-referrer");
    assert_eq!(header(&page, "x-content-type-options"), "nosniff");
    assert_eq!(header(&page, "cross-origin-opener-policy"), "same-origin");
    let policy: BTreeSet<_> = header(&page, "content-security-policy").split(';').map(str::trim).collect();
    let expected = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ];
    assert_eq!(policy, BTreeSet::from(expected));
    let text = page.text().await.unwrap();
    for inline in ["<style", "style=", "<script>", " onclick", " onload", "{version}"] {
        assert!(!text.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn every_asset_is_there_for_good_and_asks_no_other_host() {
    let server = Server::start(Storage::Memory).await;
    let page = get(&server, "/").await.text().await.unwrap();
    let (folder, _) = script(&page).rsplit_once('/').unwrap();
    let files = tree::files();
    let names: Vec<_> = files
        .iter()
        .filter_map(|path| path.strip_prefix("gateway/assets/console/"))
        .filter(|name| *name != "page.html")
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in &names {
        let asset = get(&server, &format!("/{folder}/{name}")).await;
        assert_eq!(asset.status(), StatusCode::OK, "{name}");
        assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable", "{name}");
        assert_eq!(header(&asset, "x-content-type-options"), "nosniff", "{name}");
        let media = match name.rsplit_once('.').unwrap().1 {
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        };
        assert_eq!(header(&asset, "content-type"), media, "{name}");
        let text = asset.text().await.unwrap();
        assert_eq!(text, tree::read(&format!("gateway/assets/console/{name}")), "{name}");
        // The name of a language is written like an address, and asks for nothing.
        let foreign = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!foreign.contains("://") && !foreign.contains("url(//"), "{name} names another host");
        for import in text.split(" from \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let import = import.trim_start_matches("./");
            assert!(names.contains(&import) || import == "generated/graphql.js", "{name} imports {import}");
        }
    }
    for address in addresses(&page) {
        assert!(!address.contains("//") && !address.starts_with('/'), "{address} leads elsewhere");
        let name = address.strip_prefix(folder).map(|name| name.trim_start_matches('/'));
        let known = ["graphiql", "openapi.json"].contains(&address) || address.starts_with('#');
        assert!(known || name.is_some_and(|name| names.contains(&name)), "{address} is not there");
    }
}

#[tokio::test]
async fn what_is_no_asset_is_not_found_and_not_kept() {
    let server = Server::start(Storage::Memory).await;
    let page = get(&server, "/").await.text().await.unwrap();
    let asset = script(&page);
    let older = asset.replace("/assets/", "/assets/0");
    let absent = asset.replace("main.js", "nothing.js");
    let outside = asset.replace("main.js", "..%2Fpage.html");
    for path in [older.as_str(), &absent, &outside] {
        let answer = get(&server, &format!("/{path}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
    }
    // Room for what comes later.
    assert_eq!(get(&server, "/console/nothing").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn heads_are_told_and_nothing_else_can_be_done() {
    let server = Server::start(Storage::Memory).await;
    let page = get(&server, "/").await.text().await.unwrap();
    let asset = format!("/{}", script(&page));
    for path in ["/", &asset] {
        let head = ask(&server, Method::HEAD, path).await;
        assert_eq!(head.status(), StatusCode::OK, "{path}");
        assert_ne!(header(&head, "content-type"), "", "{path}");
        assert_ne!(header(&head, "cache-control"), "", "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = ask(&server, method.clone(), path).await;
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
}
