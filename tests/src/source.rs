//! Reads Rust sources as a reader does: what is code, what is comment, what is
//! text, and which items are tests.
//!
//! A lexer and no parser: enough to count lines and to find words, and right
//! about nested comments, raw strings and lifetimes.

/// What one byte of a source belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    /// Inside a string or character literal, its quotes included.
    Text,
}

/// A source, byte by byte.
pub struct Source<'s> {
    bytes: &'s [u8],
    kinds: Vec<Kind>,
}

impl<'s> Source<'s> {
    /// Reads `text`. What is not Rust is read as well as it goes.
    pub fn new(text: &'s str) -> Self {
        let bytes = text.as_bytes();
        let mut kinds = vec![Kind::Code; bytes.len()];
        let mut at = 0;
        while at < bytes.len() {
            let (length, kind) = token(bytes, at);
            let end = (at + length).min(bytes.len());
            kinds[at..end].fill(kind);
            at = end;
        }
        Self { bytes, kinds }
    }

    /// The code alone, line by line: comments and literals are blanks.
    pub fn code(&self) -> String {
        self.keep(|kind| kind == Kind::Code)
    }

    /// The comments alone, line by line.
    pub fn comments(&self) -> String {
        self.keep(|kind| kind == Kind::Comment)
    }

    fn keep(&self, wanted: impl Fn(Kind) -> bool) -> String {
        let bytes = self.bytes.iter().zip(&self.kinds);
        let kept = bytes.map(|(byte, kind)| match byte {
            b'\n' => b'\n',
            _ if wanted(*kind) => *byte,
            _ => b' ',
        });
        // Whole tokens are kept or blanked, so that characters stay whole.
        String::from_utf8_lossy(&kept.collect::<Vec<u8>>()).into_owned()
    }

    /// How many lines have code on them, items under `#[cfg(test)]` apart.
    pub fn lines_of_code(&self) -> usize {
        let code = self.code();
        let tests = test_items(code.as_bytes());
        let mut line = 0;
        let mut counted = None;
        for (at, byte) in self.bytes.iter().enumerate() {
            let counts = self.kinds[at] != Kind::Comment && !byte.is_ascii_whitespace();
            if counts && !tests.iter().any(|span| span.contains(&at)) {
                counted = match counted {
                    Some((last, total)) if last == line => Some((last, total)),
                    Some((_, total)) => Some((line, total + 1)),
                    None => Some((line, 1)),
                };
            }
            line += usize::from(*byte == b'\n');
        }
        counted.map_or(0, |(_, total)| total)
    }

    /// The modules that are tests and in files of their own: `#[cfg(test)] mod name;`.
    pub fn test_modules(&self) -> Vec<String> {
        let code = self.code();
        let spans = test_items(code.as_bytes());
        let items = spans.into_iter().filter_map(|span| code.get(span));
        items
            .filter_map(|item| {
                let (_, name) = item.trim_end().strip_suffix(';')?.rsplit_once("mod ")?;
                Some(name.trim().to_owned())
            })
            .collect()
    }
}

/// Where `word` stands by itself in `code`, by line, counted from 1.
pub fn find_word(code: &str, word: &str) -> Vec<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let has_word = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    };
    let lines = code.lines().enumerate();
    lines
        .filter(|(_, line)| has_word(line))
        .map(|(index, _)| index + 1)
        .collect()
}

/// Length and kind of the token at `at`; code comes in pieces.
fn token(bytes: &[u8], at: usize) -> (usize, Kind) {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => (until(rest, b'\n'), Kind::Comment),
        [b'/', b'*', ..] => (block_comment(rest), Kind::Comment),
        [b'"', ..] => (quoted(rest, b'"'), Kind::Text),
        [b'\'', ..] => match character(rest) {
            Some(length) => (length, Kind::Text),
            None => (1, Kind::Code),
        },
        [first, ..] if is_name(*first) => name(rest),
        _ => (1, Kind::Code),
    }
}

/// A name or number; `r`, `br` and `cr` before a quote begin a raw string.
fn name(rest: &[u8]) -> (usize, Kind) {
    let length = rest.iter().take_while(|byte| is_name(**byte)).count();
    if matches!(&rest[..length], b"r" | b"br" | b"cr")
        && let Some(text) = raw_string(&rest[length..])
    {
        return (length + text, Kind::Text);
    }
    (length, Kind::Code)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn until(rest: &[u8], end: u8) -> usize {
    let found = rest.iter().position(|byte| *byte == end);
    found.unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// A literal in quotes, in which a backslash takes the next byte with it.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        at += match *byte {
            b'\\' => 2,
            byte if byte == quote => return at + 1,
            _ => 1,
        };
    }
    rest.len()
}

/// A character literal, or `None` where the quote begins a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    match rest.get(1)? {
        b'\\' => Some(quoted(rest, b'\'')),
        first => {
            let width = match first {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
        }
    }
}

/// The rest of a raw string after its letters, or `None` for a raw name.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return None;
    }
    let end = [&b"\""[..], &vec![b'#'; hashes]].concat();
    let body = &rest[hashes + 1..];
    let found = body.windows(end.len()).position(|window| window == end);
    Some(found.map_or(rest.len(), |at| hashes + 1 + at + end.len()))
}

/// The spans of the items under `#[cfg(test)]`, attribute included.
fn test_items(code: &[u8]) -> Vec<std::ops::Range<usize>> {
    const ATTRIBUTE: &[u8] = b"#[cfg(test)]";
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(found) = code[at..]
        .windows(ATTRIBUTE.len())
        .position(|window| window == ATTRIBUTE)
    {
        let start = at + found;
        at = item_end(code, start + ATTRIBUTE.len());
        items.push(start..at);
    }
    items
}

/// The end of an item: its closing brace, or a semicolon outside brackets.
fn item_end(code: &[u8], from: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *byte == b'}' {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> usize {
        Source::new(text).lines_of_code()
    }

    #[test]
    fn comments_and_blank_lines_are_no_code() {
        assert_eq!(lines("//! a\n\n// b\nfn f() {} // c\n/* d\n\n e */\n"), 1);
        assert_eq!(lines("let a = /* one */ 1;\n/* two\n*/ let b = 2;\n"), 2);
    }

    #[test]
    fn block_comments_nest() {
        assert_eq!(lines("/* a /* b */ c\n d */\nfn f() {}\n"), 1);
    }

    #[test]
    fn a_comment_sign_within_a_string_is_text() {
        let source = Source::new("let a = \"// no \\\" /* no\"; // yes\nlet b = 1;\n");
        assert_eq!(source.lines_of_code(), 2);
        assert!(source.comments().contains("yes"));
        assert!(!source.comments().contains("no"));
    }

    #[test]
    fn a_raw_string_ends_at_its_own_hashes() {
        let text = "let a = r##\"unsafe \"# // \"##; unsafe {}\nlet r#type = br\"\\\";\n";
        let code = Source::new(text).code();
        assert_eq!(find_word(&code, "unsafe"), [1]);
        assert_eq!(code.matches("unsafe").count(), 1);
        assert!(code.contains("r#type"));
        assert!(code.contains(";\n"));
    }

    #[test]
    fn a_lifetime_begins_no_character() {
        let source = Source::new("fn f<'a>(x: &'a str) { g('\\'', '\"', 'é', b'x'); h(\"s\") }\n");
        let code = source.code();
        assert!(code.contains("&'a str"), "{code}");
        assert!(code.contains("h("), "{code}");
        assert!(!code.contains('"'), "{code}");
    }

    #[test]
    fn every_line_of_a_long_string_counts_but_the_blank_ones() {
        assert_eq!(lines("let a = \"one\n\n two\";\n"), 2);
    }

    #[test]
    fn test_items_are_not_counted() {
        let text =
            "fn f() {}\n#[cfg(test)]\nmod tests {\n  fn g() { let a = [1; 2]; }\n}\nfn h() {}\n";
        assert_eq!(lines(text), 2);
        assert_eq!(lines("#[cfg(test)]\nuse a::b;\nuse c::d;\n"), 1);
        assert_eq!(lines("#[cfg(not(test))]\nfn f() {}\n"), 2);
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_named() {
        let text =
            "#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod other;\nmod real;\n";
        assert_eq!(Source::new(text).test_modules(), ["tests", "other"]);
    }

    #[test]
    fn a_word_is_found_only_whole() {
        let code = "#![forbid(unsafe_code)]\nunsafe fn f() {}\nnot_unsafe();\n";
        assert_eq!(find_word(code, "unsafe"), [2]);
    }

    #[test]
    fn an_unfinished_source_is_read_to_its_end() {
        for text in [
            "\"",
            "'",
            "r#\"",
            "/*",
            "'\\",
            "#[cfg(test)] mod a {",
            "\"\\",
        ] {
            Source::new(text).lines_of_code();
        }
    }
}
