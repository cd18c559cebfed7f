//! A predicate for namespaces says yes or no.

use enchufe::{Namespace, NamespaceName};

fn main() {
    let _ = Namespace::matching_async(async |NamespaceName(name): NamespaceName| name);
}
