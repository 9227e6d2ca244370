//! `SpiceDB`'s schema language, as far as two schemas are compared: the statements, in one spelling.

use std::collections::BTreeSet;

/// What begins a statement outside of definitions.
const HEADS: &[&str] = &["definition", "caveat", "use", "import", "partial"];

/// The statements of a schema, each with its definition, without comments and in one spelling, however its
/// lines are broken. The order of statements, and of the subjects of a relation, means nothing, and `SpiceDB` may
/// print them in another.
pub fn statements(zed: &str) -> BTreeSet<String> {
    let tokens = tokens(zed);
    let mut found = BTreeSet::new();
    let mut rest = tokens.as_slice();
    while let Some(head) = rest.first() {
        let body = rest.iter().position(|token| token == "{");
        let next = rest.iter().skip(1).position(|token| HEADS.contains(&token.as_str())).map(|at| at + 1);
        let braced = matches!(head.as_str(), "definition" | "caveat" | "partial");
        let (statement, behind) = match body.filter(|_| braced) {
            Some(open) => rest.split_at(end_of_block(rest, open)),
            None => rest.split_at(next.unwrap_or(rest.len())),
        };
        match (head.as_str(), body) {
            ("definition", Some(open)) => {
                let (title, body) = statement.split_at(open);
                found.insert(spelled(title));
                let definition = spelled(title.get(1..).unwrap_or_default());
                found.extend(members(body).map(|member| format!("{definition}: {}", member_spelled(member))));
            }
            _ => drop(found.insert(spelled(statement))),
        }
        rest = behind;
    }
    found
}

/// Behind the brace that closes the one at `open`.
fn end_of_block(tokens: &[String], open: usize) -> usize {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return place + 1;
        }
    }
    tokens.len()
}

/// The relations and permissions in the body of a definition.
fn members(body: &[String]) -> impl Iterator<Item = &[String]> {
    let inside = body.strip_prefix(&["{".to_owned()]).unwrap_or(body);
    let inside = inside.strip_suffix(&["}".to_owned()]).unwrap_or(inside);
    let begins = |token: &String| matches!(token.as_str(), "relation" | "permission");
    let starts: Vec<_> = inside.iter().enumerate().filter(|(_, token)| begins(token)).map(|(place, _)| place).collect();
    let ends: Vec<_> = starts.iter().skip(1).copied().chain([inside.len()]).collect();
    starts.into_iter().zip(ends).filter_map(|(start, end)| inside.get(start..end))
}

fn member_spelled(member: &[String]) -> String {
    let colon = member.iter().position(|token| token == ":");
    match (member.first().map(String::as_str), colon) {
        (Some("relation"), Some(colon)) => {
            let (head, subjects) = member.split_at(colon);
            let subjects = subjects.get(1..).unwrap_or_default();
            let subjects: BTreeSet<_> = subjects.split(|token| token == "|").map(spelled).collect();
            format!("{}: {}", spelled(head), subjects.into_iter().collect::<Vec<_>>().join(" | "))
        }
        _ => without_needless_brackets(spelled(member)),
    }
}

/// Words, strings and signs, without comments and what separates them.
fn tokens(zed: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = zed.trim_start();
    while let Some(first) = rest.chars().next() {
        let until = |end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
        let length = if rest.starts_with("//") {
            until("\n")
        } else if rest.starts_with("/*") {
            until("*/")
        } else if first == '"' || first == '\'' {
            let closing = rest.char_indices().skip(1).find(|(_, sign)| *sign == first);
            closing.map_or(rest.len(), |(at, sign)| at + sign.len_utf8())
        } else if is_word(first) {
            rest.find(|sign| !is_word(sign)).unwrap_or(rest.len())
        } else if let Some(sign) =
            ["->", "==", "!=", "<=", ">=", "&&", "||"].iter().find(|sign| rest.starts_with(**sign))
        {
            sign.len()
        } else {
            first.len_utf8()
        };
        let (token, behind) = rest.split_at(length);
        // Semicolons end lines, which mean nothing here.
        if !token.starts_with("//") && !token.starts_with("/*") && token != ";" {
            tokens.push(token.to_owned());
        }
        rest = behind.trim_start();
    }
    tokens
}

/// What words are made of: a definition may have a prefix, as in `team/task`.
fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '/')
}

/// The tokens as a person would write them.
fn spelled(tokens: &[String]) -> String {
    let mut text = String::new();
    for token in tokens {
        let opened = text.ends_with(['(', ':', '#', '.', '>', '[']) && !text.ends_with(" >");
        let clings = matches!(token.as_str(), ")" | ":" | "#" | "." | "," | "->" | "]")
            || (matches!(token.as_str(), "(" | "[") && text.ends_with(is_word));
        if !(text.is_empty() || opened || clings) {
            text.push(' ');
        }
        text.push_str(token);
    }
    text
}

/// A permission without brackets around what `+` joins: it binds tightest, and `SpiceDB` leaves them out.
fn without_needless_brackets(mut permission: String) -> String {
    loop {
        let innermost = permission.match_indices('(').find_map(|(open, _)| {
            let called = permission.get(..open)?.ends_with(is_word);
            let inside = permission.get(open + 1..)?;
            let close = inside.find(['(', ')']).filter(|at| inside[*at..].starts_with(')'))?;
            let needless = !called && !inside[..close].contains('&') && !inside[..close].contains(" - ");
            needless.then_some((open, open + 1 + close))
        });
        let Some((open, close)) = innermost else { return permission };
        permission.remove(close);
        permission.remove(open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(zed: &str) -> Vec<String> {
        statements(zed).into_iter().collect()
    }

    #[test]
    fn lines_may_be_broken_anywhere_and_nowhere() {
        let one = "definition a/b {} definition c { relation d: e|f permission g = (d+h)->i }";
        let many = "definition a/b\n{\n}\n\ndefinition c {\n  relation d:\n    f |\n    e;\n  permission g =\n    (d +\n    h)->i\n}";
        assert_eq!(found(one), found(many));
        assert_eq!(found(one)[1..], ["c: relation d: e | f", "definition a/b", "definition c"]);
    }

    #[test]
    fn what_is_commented_out_is_not_there() {
        let zed =
            "/* definition a {\n  relation b: c\n} */\n/** d\n permission e = f */\ndefinition g { // relation h: i\n}";
        assert_eq!(found(zed), ["definition g"]);
        assert_eq!(found(""), [""; 0]);
        assert_eq!(found("/* never closed"), [""; 0]);
    }

    #[test]
    fn brackets_count_where_they_matter() {
        let permission = |body: &str| found(&format!("definition a {{ permission b = {body} }}"))[0].clone();
        assert_eq!(permission("((c + d) & e->f) + g"), permission("(c + d & e->f) + g"));
        assert_eq!(permission("(c + d) & e->f"), "a: permission b = c + d & e->f");
        assert_ne!(permission("c + (d & e)"), permission("c + d & e"));
        assert_ne!(permission("c - (d - e)"), permission("c - d - e"));
        assert_eq!(permission("c.any(d)+e"), "a: permission b = c.any(d) + e");
    }

    #[test]
    fn subjects_of_every_sort_are_kept_apart() {
        let zed = "definition a { relation b: user:* | group#member | user with c and expiration | user }";
        assert_eq!(found(zed)[0], "a: relation b: group#member | user | user with c and expiration | user:*");
    }
}
