//! How long functions are, and how deep they nest.
//!
//! Length is lines with code, from the signature to the closing brace. Depth counts what a
//! reader has to hold in mind: `if`, `match`, loops and closures with a body of their own,
//! one within the other. An `else if` is as deep as its `if`.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{Source, attributes_of, is_test};

/// A function's measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line it begins on, counted from 1.
    pub line: usize,
    /// Lines with code on them.
    pub lines: usize,
    /// How deep it nests; 0 is straight code.
    pub nesting: usize,
}

/// Every function of `source` that is no test.
pub(super) fn find(source: &Source<'_>) -> Vec<Function> {
    let mut finder = Finder {
        source,
        found: Vec::new(),
    };
    finder.visit_file(&source.file);
    finder.found
}

struct Finder<'f, 's> {
    source: &'f Source<'s>,
    found: Vec<Function>,
}

impl Finder<'_, '_> {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let bytes = signature.span().byte_range().start..block.span().byte_range().end;
        let mut depth = Depth::default();
        depth.visit_block(block);
        self.found.push(Function {
            name: signature.ident.to_string(),
            line: signature.span().start().line,
            lines: self.source.lines_within(bytes),
            nesting: depth.deepest,
        });
    }
}

impl<'ast> Visit<'ast> for Finder<'_, '_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if is_test(&function.attrs) {
            return;
        }
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// Follows control flow down.
#[derive(Default)]
struct Depth {
    now: usize,
    deepest: usize,
}

impl Depth {
    fn within(&mut self, inside: impl FnOnce(&mut Self)) {
        self.now += 1;
        self.deepest = self.deepest.max(self.now);
        inside(self);
        self.now -= 1;
    }
}

impl<'ast> Visit<'ast> for Depth {
    fn visit_expr_if(&mut self, branch: &'ast syn::ExprIf) {
        self.visit_expr(&branch.cond);
        self.within(|depth| depth.visit_block(&branch.then_branch));
        match branch.else_branch.as_ref().map(|(_, other)| &**other) {
            Some(syn::Expr::If(other)) => self.visit_expr_if(other),
            Some(other) => self.within(|depth| depth.visit_expr(other)),
            None => {}
        }
    }

    fn visit_expr_match(&mut self, branches: &'ast syn::ExprMatch) {
        self.visit_expr(&branches.expr);
        self.within(|depth| branches.arms.iter().for_each(|arm| depth.visit_arm(arm)));
    }

    fn visit_expr_while(&mut self, body: &'ast syn::ExprWhile) {
        self.visit_expr(&body.cond);
        self.within(|depth| depth.visit_block(&body.body));
    }

    fn visit_expr_for_loop(&mut self, body: &'ast syn::ExprForLoop) {
        self.visit_expr(&body.expr);
        self.within(|depth| depth.visit_block(&body.body));
    }

    fn visit_expr_loop(&mut self, body: &'ast syn::ExprLoop) {
        self.within(|depth| depth.visit_block(&body.body));
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        if matches!(*closure.body, syn::Expr::Block(_)) {
            self.within(|depth| depth.visit_expr(&closure.body));
        } else {
            self.visit_expr(&closure.body);
        }
    }

    /// A function within is measured for itself.
    fn visit_item(&mut self, _item: &'ast syn::Item) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Function {
        let mut all = Source::new(text).functions();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn lines_are_those_with_code_from_signature_to_brace() {
        let text = "/// Doc.\n#[inline]\nfn f(\n  a: u8,\n) {\n\n  // why\n  g();\n}\n";
        let function = only(text);
        assert_eq!((function.lines, function.line), (5, 3));
    }

    #[test]
    fn depth_is_that_of_control_flow() {
        assert_eq!(only("fn f() { g(); { h() } }").nesting, 0);
        assert_eq!(
            only("fn f() { if a { b() } else if c { d() } else { e() } }").nesting,
            1
        );
        assert_eq!(
            only("fn f() { for a in b { match c { _ => if d { e() } } } }").nesting,
            3
        );
        assert_eq!(only("fn f() { a(|b| b + 1); a(|b| { b }) }").nesting, 1);
    }

    #[test]
    fn tests_are_not_measured_and_methods_are() {
        let text = "impl A { fn f() {} #[cfg(test)] fn g() {} }\ntrait B { fn h() {} fn i(); }\n#[cfg(test)]\nmod tests { fn j() {} }\n";
        let names: Vec<_> = Source::new(text)
            .functions()
            .into_iter()
            .map(|function| function.name)
            .collect();
        assert_eq!(names, ["f", "h"]);
    }
}
