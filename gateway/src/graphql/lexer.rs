//! How many tokens a document has, and of what kind, without building anything of it.
//!
//! It is no check: what is not GraphQL is the parser's to refuse. Whatever the parser would build of a text, there
//! are at least as many tokens here.

/// The tokens of a document, each as its first byte.
pub struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    /// Of this text.
    pub const fn of(text: &'a str) -> Self {
        Self { rest: text.as_bytes() }
    }
}

impl Iterator for Tokens<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            let (first, after) = self.rest.split_first()?;
            self.rest = match first {
                // The last three are a byte order mark's.
                b' ' | b'\t' | b'\n' | b'\r' | b',' | 0xef | 0xbb | 0xbf => after,
                b'#' => past(after, |byte| !matches!(byte, b'\n' | b'\r')),
                b'"' => {
                    self.rest = self.rest.strip_prefix(br#"""""#).map_or_else(|| past_text(after), past_block);
                    return Some(*first);
                }
                b'.' => {
                    self.rest = after.strip_prefix(b"..").unwrap_or(after);
                    return Some(*first);
                }
                byte if is_word(*byte) => {
                    self.rest = past(after, is_word);
                    return Some(*first);
                }
                _ => {
                    self.rest = after;
                    return Some(*first);
                }
            };
        }
    }
}

/// Part of a name, or of a number, of which there may be more than one here.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What follows the bytes that are `within`.
fn past(rest: &[u8], within: impl Fn(u8) -> bool) -> &[u8] {
    let end = rest.iter().position(|byte| !within(*byte)).unwrap_or(rest.len());
    rest.get(end..).unwrap_or_default()
}

/// What follows a text on one line, whose first quote has been read. One that does not end, ends with its line.
fn past_text(mut rest: &[u8]) -> &[u8] {
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'"' => return after,
            b'\n' | b'\r' => return rest,
            b'\\' => after.get(1..).unwrap_or_default(),
            _ => after,
        };
    }
    rest
}

/// What follows a text of many lines, whose first quotes have been read.
fn past_block(mut rest: &[u8]) -> &[u8] {
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(br#"""""#) {
            return after;
        }
        let escaped = rest.strip_prefix(br#"\""""#);
        rest = escaped.or_else(|| rest.get(1..)).unwrap_or_default();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::Tokens;
    use async_graphql::parser::parse_query;

    fn tokens(text: &str) -> String {
        Tokens::of(text).map(char::from).collect()
    }

    #[test]
    fn tokens_are_told_apart() {
        assert_eq!(tokens("{ab: c(d:-1.5e+3, e:$f)...g}"), "{a:c(d:-1.5+3e:$f).g}");
        assert_eq!(tokens("a...b[1-1-1]"), "a.b[1-1-1]");
        assert_eq!(tokens("\u{feff}a,,b # c d\n e"), "abe");
        assert_eq!(tokens(r#"a "b\" @ c" d"#), "a\"d");
        assert_eq!(tokens("a \"\"\"b \\\"\"\" \" @ c\n\"\"\" d"), "a\"d");
        assert_eq!(tokens("a \"\" b"), "a\"b");
        assert_eq!(tokens("a \"not ended\n@b"), "a\"@b");
        assert_eq!(tokens("\"\"\"not ended @"), "\"");
    }

    /// A text that the parser takes for one is one here, so that nothing hides in it.
    #[test]
    fn texts_end_where_the_parsers_end() {
        for text in [
            r#""""#,
            r#""a""#,
            r#""\\""#,
            r#""\"""#,
            "\"\"\"\"\"\"",
            "\"\"\"a\\\"\"\"b\"\"\"",
            "\"\"\"\\\"\"\"",
            "\"\"\" \" \"\" \"\"\"",
        ] {
            let document = format!("{{ a(b: {text}) c: d }}");
            assert_eq!(parse_query(&document).is_ok(), tokens(&document) == "{a(b:\")c:d}", "{text}");
        }
    }
}
