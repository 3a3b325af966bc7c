//! Reads Rust sources as a reader does: what is code, what is comment, what is
//! text, which items are tests, and how long and deep a function is.
//!
//! The tokens and items are `proc_macro2`'s and `syn`'s; what lies between two tokens is
//! blank or comment.

mod functions;
mod modules;
mod signatures;

use std::ops::Range;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

pub use functions::Function;
pub use modules::circles;

/// A source that has been taken apart.
pub struct Source<'s> {
    text: &'s str,
    /// The bytes of each token, in order; doc comments are none.
    tokens: Vec<Token>,
    /// The bytes of the items under `#[cfg(test)]`, attributes included.
    tests: Vec<Range<usize>>,
    file: syn::File,
}

/// One token's place.
struct Token {
    bytes: Range<usize>,
    is_literal: bool,
}

impl<'s> Source<'s> {
    /// Reads `text`.
    ///
    /// # Panics
    /// When it is not Rust.
    pub fn new(text: &'s str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| {
            let at = error.span().start();
            panic!("not Rust, line {} column {}: {error}", at.line, at.column)
        });
        let stream: TokenStream = text.parse().expect("what was parsed has tokens");
        let mut tokens = Vec::new();
        collect(text, stream, &mut tokens);
        let mut items = TestItems::default();
        items.visit_file(&file);
        Self {
            text,
            tokens,
            tests: items.spans,
            file,
        }
    }

    /// The code alone, line by line: comments and literals are blanks.
    pub fn code(&self) -> String {
        let code = self.tokens.iter().filter(|token| !token.is_literal);
        self.keep(code.map(|token| token.bytes.clone()))
    }

    /// The comments alone, line by line.
    pub fn comments(&self) -> String {
        let mut between = Vec::new();
        let mut end = 0;
        for token in &self.tokens {
            between.push(end..token.bytes.start);
            end = token.bytes.end;
        }
        between.push(end..self.text.len());
        self.keep(between.into_iter())
    }

    /// The text with all but some bytes blanked.
    fn keep(&self, kept: impl Iterator<Item = Range<usize>>) -> String {
        let bytes = self.text.bytes();
        let mut shown: Vec<u8> = bytes
            .map(|byte| if byte == b'\n' { b'\n' } else { b' ' })
            .collect();
        for range in kept {
            shown[range.clone()].copy_from_slice(&self.text.as_bytes()[range]);
        }
        // Whole tokens are kept or blanked, so that characters stay whole.
        String::from_utf8(shown).expect("whole characters")
    }

    /// How many lines have code on them, items under `#[cfg(test)]` apart.
    pub fn lines_of_code(&self) -> usize {
        self.lines_within(0..self.text.len())
    }

    /// How many of the lines of some bytes have code on them, tests apart.
    fn lines_within(&self, bytes: Range<usize>) -> usize {
        let is_counted = |token: &&Token| {
            let at = token.bytes.start;
            bytes.contains(&at) && !self.tests.iter().any(|test| test.contains(&at))
        };
        let mut lines: Vec<usize> = Vec::new();
        let mut line = 0;
        let mut seen = 0;
        for token in self.tokens.iter().filter(is_counted) {
            line += newlines(&self.text[seen..token.bytes.start]);
            seen = token.bytes.start;
            for (below, text) in self.text[token.bytes.clone()].split('\n').enumerate() {
                if !text.trim().is_empty() {
                    lines.push(line + below);
                }
            }
        }
        lines.dedup();
        lines.len()
    }

    /// The modules that are tests and in files of their own: `#[cfg(test)] mod name;`.
    pub fn test_modules(&self) -> Vec<String> {
        let modules = self.file.items.iter().filter_map(|item| match item {
            syn::Item::Mod(module) if module.content.is_none() && is_test(&module.attrs) => {
                Some(module.ident.to_string())
            }
            _ => None,
        });
        modules.collect()
    }

    /// Every function that is no test, nested ones included.
    pub fn functions(&self) -> Vec<Function> {
        functions::find(self)
    }

    /// Unnamed tuples that other crates can see, by line: in the signatures of public
    /// functions, in public fields, aliases and constants.
    pub fn public_tuples(&self) -> Vec<usize> {
        signatures::public_tuples(self)
    }

    /// What this file takes from other modules, tests and re-exports apart, as written: all
    /// of its `use`, and the paths in place that begin with `crate`, `super` or `self`.
    pub fn imports(&self) -> Vec<String> {
        let mut imports = Imports::default();
        imports.visit_file(&self.file);
        imports.paths
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
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

/// Puts the tokens of `stream` into `tokens`, without those that a doc comment becomes.
fn collect(text: &str, stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let bytes = tree.span().byte_range();
        // A doc comment is an attribute whose every token has the comment's own place.
        let begins = text.get(bytes.clone()).unwrap_or_default();
        if begins.starts_with("//") || begins.starts_with("/*") {
            continue;
        }
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = (group.span_open(), group.span_close());
                push(tokens, open, false);
                collect(text, group.stream(), tokens);
                push(tokens, close, false);
            }
            TokenTree::Literal(literal) => {
                let shown = literal.to_string();
                push(tokens, literal.span(), shown.contains(['"', '\'']));
            }
            other => push(tokens, other.span(), false),
        }
    }
}

fn push(tokens: &mut Vec<Token>, span: Span, is_literal: bool) {
    tokens.push(Token {
        bytes: span.byte_range(),
        is_literal,
    });
}

/// Whether an item has `#[cfg(test)]`, or `#[cfg(loom)]`: what takes the place of something in a
/// model checker is in no program either.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test") || path.is_ident("loom"))
    })
}

/// Finds what is under `#[cfg(test)]`.
#[derive(Default)]
struct TestItems {
    spans: Vec<Range<usize>>,
}

impl TestItems {
    fn note(&mut self, attributes: &[syn::Attribute], span: Span) {
        if is_test(attributes) {
            self.spans.push(span.byte_range());
        }
    }
}

impl<'ast> Visit<'ast> for TestItems {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.note(attributes_of(item), item.span());
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.note(&function.attrs, function.span());
        visit::visit_impl_item_fn(self, function);
    }
}

/// The attributes of an item of any kind that can be a test.
fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    use syn::Item;
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Collects what a file takes from other modules of its crate.
#[derive(Default)]
struct Imports {
    paths: Vec<String>,
}

impl Imports {
    fn add(&mut self, prefix: &str, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                let longer = joined(prefix, &path.ident);
                self.add(&longer, &path.tree);
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add(prefix, tree));
            }
            syn::UseTree::Name(name) => self.paths.push(joined(prefix, &name.ident)),
            syn::UseTree::Rename(name) => self.paths.push(joined(prefix, &name.ident)),
            syn::UseTree::Glob(_) => self.paths.push(prefix.to_owned()),
        }
    }
}

fn joined(prefix: &str, name: &syn::Ident) -> String {
    if prefix.is_empty() {
        name.to_string()
    } else {
        format!("{prefix}::{name}")
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if matches!(item.vis, syn::Visibility::Inherited) {
            self.add("", &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if names.len() > 1 && ["crate", "super", "self"].contains(&names[0].as_str()) {
            self.paths.push(names.join("::"));
        }
        visit::visit_path(self, path);
    }
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
        assert_eq!(
            lines("/// Doc.\nconst A: u8 = /* one */ 1;\n/* two\n*/ const B: u8 = 2;\n"),
            2
        );
    }

    #[test]
    fn block_comments_nest() {
        assert_eq!(lines("/* a /* b */ c\n d */\nfn f() {}\n"), 1);
    }

    #[test]
    fn a_comment_sign_within_a_string_is_text() {
        let source =
            Source::new("const A: &str = \"// no \\\" /* no\"; // yes\nconst B: u8 = 1;\n");
        assert_eq!(source.lines_of_code(), 2);
        assert!(source.comments().contains("yes"));
        assert!(!source.comments().contains("no"));
    }

    #[test]
    fn doc_comments_are_comments_and_doc_attributes_are_code() {
        let source = Source::new("/// unsafe\n#[doc = \"x\"]\nfn f() {}\n");
        assert!(source.comments().contains("unsafe"));
        assert!(!source.code().contains("unsafe"));
        assert_eq!(source.lines_of_code(), 2);
    }

    #[test]
    fn a_raw_string_ends_at_its_own_hashes() {
        let text = "fn f() { let a = r##\"unsafe \"# // \"##; unsafe {} }\nconst r#type: &[u8] = br\"\\\";\n";
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
        assert_eq!(lines("const A: &str = \"one\n\n two\";\n"), 2);
    }

    #[test]
    fn test_items_are_not_counted() {
        let text =
            "fn f() {}\n#[cfg(test)]\nmod tests {\n  fn g() { let a = [1; 2]; }\n}\nfn h() {}\n";
        assert_eq!(lines(text), 2);
        assert_eq!(lines("#[cfg(test)]\nuse a::b;\nuse c::d;\n"), 1);
        assert_eq!(lines("#[cfg(not(test))]\nfn f() {}\n"), 2);
        assert_eq!(
            lines("impl A {\n #[cfg(test)]\n fn f() {}\n fn g() {}\n}\n"),
            3
        );
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_named() {
        let text = "#[cfg(test)]\nmod tests;\n#[cfg(loom)]\n#[path = \"x.rs\"]\nmod other;\n#[cfg(not(loom))]\nmod real;\n";
        assert_eq!(Source::new(text).test_modules(), ["tests", "other"]);
    }

    #[test]
    fn a_word_is_found_only_whole() {
        let code = "#![forbid(unsafe_code)]\nunsafe fn f() {}\nnot_unsafe();\n";
        assert_eq!(find_word(code, "unsafe"), [2]);
    }

    #[test]
    #[should_panic(expected = "not Rust, line 2")]
    fn an_unfinished_source_is_no_source() {
        Source::new("fn f() {}\nfn g( {\n");
    }

    #[test]
    fn imports_are_seen_in_uses_and_in_paths() {
        let text = "use crate::a::{b, c as d};\npub use i::j;\nuse super::e::*;\nfn f() { crate::g::h(); std::x() }\n#[cfg(test)]\nmod tests { use crate::z; }\n";
        assert_eq!(
            Source::new(text).imports(),
            ["crate::a::b", "crate::a::c", "super::e", "crate::g::h"]
        );
    }
}
