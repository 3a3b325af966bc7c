//! What other crates see of an item without a name: tuples of two and more.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{Source, attributes_of, is_test};

/// The lines, counted from 1, on which something public has such a tuple.
pub(super) fn public_tuples(source: &Source<'_>) -> Vec<usize> {
    let mut public = Public::default();
    public.visit_file(&source.file);
    public.found
}

/// Visits what is public, and in it types.
#[derive(Default)]
struct Public {
    found: Vec<usize>,
}

impl Public {
    fn look(&mut self, show: impl FnOnce(&mut Tuples)) {
        let mut tuples = Tuples::default();
        show(&mut tuples);
        self.found.append(&mut tuples.found);
    }
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

impl<'ast> Visit<'ast> for Public {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if is_public(&function.vis) {
            self.look(|tuples| tuples.visit_signature(&function.sig));
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if is_public(&function.vis) && !is_test(&function.attrs) {
            self.look(|tuples| tuples.visit_signature(&function.sig));
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if !is_public(&item.vis) {
            return;
        }
        for member in &item.items {
            if let syn::TraitItem::Fn(function) = member {
                self.look(|tuples| tuples.visit_signature(&function.sig));
            }
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if is_public(&field.vis) {
            self.look(|tuples| tuples.visit_type(&field.ty));
        }
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        if is_public(&item.vis) {
            let fields = item.variants.iter().flat_map(|variant| &variant.fields);
            fields.for_each(|field| self.look(|tuples| tuples.visit_type(&field.ty)));
        }
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if is_public(&item.vis) {
            self.look(|tuples| tuples.visit_type(&item.ty));
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        if is_public(&item.vis) {
            self.look(|tuples| tuples.visit_type(&item.ty));
        }
    }
}

/// Finds tuples, within other types too.
#[derive(Default)]
struct Tuples {
    found: Vec<usize>,
}

impl<'ast> Visit<'ast> for Tuples {
    fn visit_type_tuple(&mut self, tuple: &'ast syn::TypeTuple) {
        if tuple.elems.len() > 1 {
            self.found.push(tuple.span().start().line);
        }
        visit::visit_type_tuple(self, tuple);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        public_tuples(&Source::new(text))
    }

    #[test]
    fn a_tuple_in_a_public_signature_is_found_within_other_types_too() {
        assert_eq!(found("pub fn f() -> Option<(u8, u8)> { None }"), [1]);
        assert_eq!(found("pub fn f(a: impl Fn((u8, u8))) {}"), [1]);
        assert_eq!(
            found("pub struct A {\n pub a: (u8, u8),\n b: (u8, u8) }"),
            [2]
        );
        assert_eq!(found("pub enum A { B((u8, u8)) }"), [1]);
        assert_eq!(found("pub trait A { fn f() -> (u8, u8); }"), [1]);
    }

    #[test]
    fn what_nobody_sees_may_be_a_tuple() {
        assert!(found("fn f() -> (u8, u8) { (1, 2) }").is_empty());
        assert!(found("pub(crate) fn f() -> (u8, u8) { (1, 2) }").is_empty());
        assert!(found("pub fn f() { let a: (u8, u8) = (1, 2); }").is_empty());
        assert!(found("pub fn f() -> () {}").is_empty());
    }
}
