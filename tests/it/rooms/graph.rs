//! Which file of a crate names what in which other file, and where that goes round in a circle.
//!
//! It reads tokens, not types: paths, and names brought in by `use`, are followed to the file that defines
//! them; methods called on values are not.

use std::collections::{BTreeMap, BTreeSet};

/// Which file names what in which other file.
pub(super) struct Graph<'a> {
    edges: Edges<'a>,
}

/// From a file to another by names.
type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<&'a str>>>;

impl<'a> Graph<'a> {
    /// The graph of these files: texts by their paths inside `src`.
    pub(super) fn of(sources: &'a BTreeMap<String, String>) -> Self {
        let mut modules = BTreeMap::new();
        let mut mentions = Vec::new();
        let mut tests = Vec::new();
        for (file, text) in sources {
            let reader = Reader::read(file, text);
            modules.extend(reader.modules);
            mentions.extend(reader.mentions);
            tests.extend(reader.tests);
        }
        let is_test = |module: &str| tests.iter().any(|test| is_within(module, test));
        modules.retain(|module, _| !is_test(module));
        mentions.retain(|mention| !is_test(&mention.module));

        let names = Names { modules };
        let mut edges: Edges = BTreeMap::new();
        for mention in &mentions {
            let Some(from) = names.modules.get(&mention.module).map(|module| module.file) else { continue };
            for (to, name) in names.meant(mention) {
                if to != from {
                    edges.entry(from).or_default().entry(to).or_default().insert(name);
                }
            }
        }
        Self { edges }
    }

    /// The groups of files in which each file leads to every other.
    pub(super) fn circles(&self) -> Vec<BTreeSet<&'a str>> {
        let mut search =
            Search { edges: &self.edges, order: BTreeMap::new(), path: Vec::new(), found: Vec::new() };
        for file in self.edges.keys() {
            search.visit(file);
        }
        search.found.sort();
        search.found
    }

    /// A circle in words: its files, and the names through which each leads to others of it.
    pub(super) fn shown(&self, circle: &BTreeSet<&str>) -> String {
        let mut lines = vec![circle.iter().copied().collect::<Vec<_>>().join(", ")];
        for from in circle {
            for (to, names) in
                self.edges.get(from).into_iter().flatten().filter(|(to, _)| circle.contains(*to))
            {
                lines.push(format!("    {}", edge(from, to, names)));
            }
        }
        lines.join("\n") + "\n"
    }

    /// Every edge in words.
    pub(super) fn edges(&self) -> Vec<String> {
        self.edges
            .iter()
            .flat_map(|(from, to)| to.iter().map(move |(to, names)| edge(from, to, names)))
            .collect()
    }
}

fn edge(from: &str, to: &str, names: &BTreeSet<&str>) -> String {
    format!("{from} -> {to}: {}", names.iter().copied().collect::<Vec<_>>().join(", "))
}

/// The paths that a file names, from the root of the crate where they begin with `crate`, `self` or `super`.
pub(super) fn paths(file: &str, text: &str) -> Vec<String> {
    let mentions = Reader::read(file, text).mentions;
    mentions.iter().map(|mention| absolute(&mention.module, &mention.path)).collect()
}

/// Whether a file's code contains these words and marks in a row, however it is broken into lines.
pub(super) fn contains(text: &str, words: &str) -> bool {
    let (code, _) = without_tests(&tokens(text));
    let words = tokens(words);
    code.windows(words.len()).any(|part| part == words)
}

/// Tarjan's search for strongly connected components.
struct Search<'s, 'a> {
    edges: &'s Edges<'a>,
    /// When a file was first seen; `None` once its component is known.
    order: BTreeMap<&'a str, Option<usize>>,
    path: Vec<&'a str>,
    found: Vec<BTreeSet<&'a str>>,
}

impl<'a> Search<'_, 'a> {
    /// The earliest file on the path that this one leads back to; `None` when its component is already known.
    fn visit(&mut self, file: &'a str) -> Option<usize> {
        if let Some(seen) = self.order.get(file) {
            return *seen;
        }
        let own = self.order.len();
        let place = self.path.len();
        self.order.insert(file, Some(own));
        self.path.push(file);
        let mut lowest = own;
        for next in self.edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            lowest = self.visit(next).map_or(lowest, |low| lowest.min(low));
        }
        if lowest == own {
            let component: BTreeSet<&str> = self.path.drain(place..).collect();
            self.order.extend(component.iter().map(|file| (*file, None)));
            if component.len() > 1 {
                self.found.push(component);
            }
        }
        Some(lowest)
    }
}

/// What a path leads to: a module, or a name with the file that defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meant<'a> {
    Module(String),
    Item(&'a str, &'a str),
}

/// Every module, to look names up in.
struct Names<'a> {
    modules: BTreeMap<String, Module<'a>>,
}

impl<'a> Names<'a> {
    /// What a mention names, as files with the names that they define.
    fn meant(&self, mention: &Mention<'a>) -> Vec<(&'a str, &'a str)> {
        let Mention { module, path, how } = mention;
        if *how == How::ReExport && self.leads_inside(module, path) {
            return Vec::new();
        }
        let mut meant = self.resolve(module, path, &mut Vec::new());
        if let ([name], How::Macro, true) = (path.as_slice(), how, meant.is_empty()) {
            // A macro without a path comes from above in the text, usually from a parent.
            let defining = self.modules.iter().filter(|(_, module)| module.macros.contains(name));
            let nearest = defining.max_by_key(|(above, _)| (is_within(module, above), above.len()));
            meant.extend(nearest.map(|(_, module)| Meant::Item(module.file, name)));
        }
        let items = meant.into_iter().filter_map(|meant| match meant {
            Meant::Module(_) => None,
            Meant::Item(file, name) => Some((file, name)),
        });
        items.collect()
    }

    /// Whether a path leads through a child of the module.
    fn leads_inside(&self, module: &str, path: &[&'a str]) -> bool {
        (1..=path.len()).filter_map(|length| path.get(..length)).any(|start| {
            self.resolve(module, start, &mut Vec::new()).iter().any(|meant| match meant {
                Meant::Module(inner) => inner != module && is_within(inner, module),
                Meant::Item(..) => false,
            })
        })
    }

    fn resolve(&self, module: &str, path: &[&'a str], seen: &mut Vec<(String, &'a str)>) -> Vec<Meant<'a>> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let mut reached = match *first {
            "crate" | "self" | "super" => vec![Meant::Module(absolute(module, &[*first]))],
            name => self.look_up(module, name, seen),
        };
        for name in rest {
            let is_module = |meant: &Meant| matches!(meant, Meant::Module(_));
            if reached.iter().any(is_module) {
                // Of a module and a function of one name, only the module has anything inside.
                reached.retain(is_module);
            }
            let step = |meant| match meant {
                Meant::Item(..) => vec![meant],
                Meant::Module(at) if matches!(*name, "self" | "super") => {
                    vec![Meant::Module(absolute(&at, &[*name]))]
                }
                Meant::Module(at) => {
                    let inside = self.look_up(&at, name, seen);
                    let file = self.modules.get(&at).map(|module| module.file);
                    // A name that nothing shows to be made here was made by a macro.
                    let made = file.map(|file| Meant::Item(file, name));
                    if inside.is_empty() { made.into_iter().collect() } else { inside }
                }
            };
            reached = reached.into_iter().flat_map(step).collect();
        }
        reached
    }

    /// What a name means in a module.
    fn look_up(&self, at: &str, name: &'a str, seen: &mut Vec<(String, &'a str)>) -> Vec<Meant<'a>> {
        let child = format!("{at}::{name}");
        let mut found = Vec::new();
        if self.modules.contains_key(&child) {
            found.push(Meant::Module(child));
        }
        let Some(module) = self.modules.get(at) else { return found };
        if module.defines.contains(name) || module.macros.contains(name) {
            found.push(Meant::Item(module.file, name));
        }
        let key = (at.to_owned(), name);
        if seen.contains(&key) {
            return found;
        }
        seen.push(key);
        for import in module.imports.iter().filter(|import| import.name == Some(name)) {
            found.extend(self.resolve(at, &import.path, seen));
        }
        if found.is_empty() && module.perhaps.contains(name) {
            found.push(Meant::Item(module.file, name));
        }
        if found.is_empty() {
            for import in module.imports.iter().filter(|import| import.name.is_none()) {
                for meant in self.resolve(at, &import.path, seen) {
                    match meant {
                        Meant::Module(from) => found.extend(self.look_up(&from, name, seen)),
                        Meant::Item(..) => {}
                    }
                }
            }
        }
        seen.pop();
        found
    }
}

/// What one module defines and brings in.
#[derive(Debug)]
struct Module<'a> {
    file: &'a str,
    defines: BTreeSet<&'a str>,
    macros: BTreeSet<&'a str>,
    /// Words given to macros between the items: a macro may define them.
    perhaps: BTreeSet<&'a str>,
    imports: Vec<Import<'a>>,
}

/// One name of a `use`; a glob has none.
#[derive(Clone, Debug)]
struct Import<'a> {
    path: Vec<&'a str>,
    name: Option<&'a str>,
}

/// A path in the code of a module.
#[derive(Debug)]
struct Mention<'a> {
    module: String,
    path: Vec<&'a str>,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Plain,
    Macro,
    ReExport,
}

/// Reads one file into its modules and the paths that it mentions.
struct Reader<'a> {
    file: &'a str,
    tokens: Vec<&'a str>,
    /// Names of variables and fields: as single words they name no function.
    bound: BTreeSet<&'a str>,
    modules: BTreeMap<String, Module<'a>>,
    mentions: Vec<Mention<'a>>,
    /// Modules in files of their own that stand under `#[cfg(test)]`.
    tests: Vec<String>,
    /// The modules around the token, each with the depth of brackets at which its items stand.
    around: Vec<(String, usize)>,
}

impl<'a> Reader<'a> {
    fn read(file: &'a str, text: &'a str) -> Self {
        let (tokens, tests) = without_tests(&tokens(text));
        let module = module_of(file);
        let tests = tests.iter().map(|test| format!("{module}::{test}")).collect();
        let bound = tokens.windows(3).filter(|part| {
            is_word(part[1]) && (matches!(part[0], "let" | "mut" | "ref" | "for" | "|") || part[2] == ":")
        });
        let bound = bound.map(|part| part[1]).collect();
        let (modules, mentions, around) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut reader = Self { file, tokens, bound, modules, mentions, tests, around };
        reader.enter(module, 0);
        reader.walk();
        reader
    }

    fn enter(&mut self, module: String, depth: usize) {
        let (file, imports) = (self.file, Vec::new());
        let (defines, macros, perhaps) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        self.modules.insert(module.clone(), Module { file, defines, macros, perhaps, imports });
        self.around.push((module, depth));
    }

    fn at(&self, place: usize) -> &'a str {
        self.tokens.get(place).copied().unwrap_or_default()
    }

    fn before(&self, place: usize) -> &'a str {
        place.checked_sub(1).map(|place| self.at(place)).unwrap_or_default()
    }

    fn module(&mut self) -> &mut Module<'a> {
        let (name, _) = self.around.last().expect("a file is a module");
        self.modules.get_mut(name).expect("it was entered")
    }

    fn walk(&mut self) {
        let (mut place, mut depth) = (0, 0);
        let mut enums: Vec<usize> = Vec::new();
        let mut is_enum_ahead = false;
        while place < self.tokens.len() {
            let (token, next) = (self.at(place), self.at(place + 1));
            let is_between_items = self.around.last().is_some_and(|(_, items)| *items == depth);
            match token {
                "(" | "[" | "{" => {
                    depth += 1;
                    if token == "{" && std::mem::take(&mut is_enum_ahead) {
                        enums.push(depth);
                    }
                    place += 1;
                }
                ")" | "]" | "}" => {
                    depth -= 1;
                    enums.retain(|variants| *variants <= depth);
                    self.around.retain(|(_, items)| *items <= depth);
                    place += 1;
                }
                "mod" if self.at(place + 2) == "{" => {
                    let (around, _) = self.around.last().expect("a file is a module");
                    let module = format!("{around}::{next}");
                    depth += 1;
                    self.enter(module, depth);
                    place += 3;
                }
                "mod" => place += 2,
                "use" if next != "<" => place = self.read_use(place),
                "macro_rules" if next == "!" => {
                    let name = self.at(place + 2);
                    self.module().macros.insert(name);
                    place += 3;
                }
                "fn" | "struct" | "enum" | "trait" | "type" | "static" | "const"
                    if defines(self.before(place), token, next) =>
                {
                    is_enum_ahead = token == "enum";
                    if is_between_items {
                        self.module().defines.insert(next);
                    }
                    place += 2;
                }
                word if is_word(word) => {
                    let is_variant = enums.contains(&depth) && matches!(self.before(place), "{" | "," | "]");
                    place = self.read_path(place, is_between_items, is_variant);
                }
                _ => place += 1,
            }
        }
    }

    fn read_use(&mut self, place: usize) -> usize {
        // `pub use`, or the end of `pub(crate)`.
        let how = if matches!(self.before(place), "pub" | ")") { How::ReExport } else { How::Plain };
        let mut imports = Vec::new();
        let end = self.read_tree(place + 1, &[], &mut imports);
        let (module, _) = self.around.last().cloned().expect("a file is a module");
        for Import { path, .. } in imports.clone() {
            self.mentions.push(Mention { module: module.clone(), path, how });
        }
        self.module().imports.extend(imports);
        end
    }

    /// Reads one tree of a `use` and gives the place after it.
    fn read_tree(&self, mut place: usize, before: &[&'a str], into: &mut Vec<Import<'a>>) -> usize {
        let mut path = before.to_vec();
        loop {
            match self.at(place) {
                "::" if path.is_empty() => {
                    // From the root of all crates: no name of ours.
                    path.push("::");
                    place += 1;
                }
                "::" => place += 1,
                "{" => {
                    place += 1;
                    while !matches!(self.at(place), "}" | "") {
                        place = self.read_tree(place, &path, into);
                        if self.at(place) == "," {
                            place += 1;
                        }
                    }
                    return place + 1;
                }
                "*" => {
                    into.push(Import { path, name: None });
                    return place + 1;
                }
                "as" => {
                    into.push(Import { path, name: Some(self.at(place + 1)) });
                    return place + 2;
                }
                "self" if !path.is_empty() => place += 1,
                word if is_word(word) => {
                    path.push(word);
                    place += 1;
                }
                _ => {
                    let name = path.last().copied();
                    into.push(Import { path, name });
                    // Never stands still, even at what no compiler takes.
                    return if matches!(self.at(place), "," | "}" | ";") { place } else { place + 1 };
                }
            }
        }
    }

    /// Reads a path in code and gives the place after it.
    fn read_path(&mut self, place: usize, is_between_items: bool, is_variant: bool) -> usize {
        let mut path = vec![self.at(place)];
        let mut end = place + 1;
        while self.at(end) == "::" && is_word(self.at(end + 1)) {
            path.push(self.at(end + 1));
            end += 2;
        }
        let (word, next) = (self.at(place), self.at(end));
        let is_macro = next == "!" && matches!(self.at(end + 1), "(" | "[" | "{");
        if is_macro && is_between_items {
            let inside = group(&self.tokens, end + 1).iter().copied().filter(|token| is_word(token));
            let inside: Vec<&str> = inside.collect();
            self.module().perhaps.extend(inside);
        }
        let follows = match self.before(place) {
            "::" | "." => true,
            "$" => word != "crate",
            _ => false,
        };
        let is_local = path.len() == 1 && !is_macro && {
            let may_be_variable = word.starts_with(char::is_lowercase) && !matches!(next, "(" | "::");
            is_variant || next == ":" || (may_be_variable && self.bound.contains(word))
        };
        if !follows && !is_local {
            let (module, _) = self.around.last().cloned().expect("a file is a module");
            let how = if is_macro { How::Macro } else { How::Plain };
            self.mentions.push(Mention { module, path, how });
        }
        end
    }
}

/// Whether this keyword defines the next word: `*const T` and `const fn` do not.
fn defines(before: &str, keyword: &str, next: &str) -> bool {
    let is_pointer = keyword == "const" && before == "*";
    is_word(next) && !is_pointer && !matches!(next, "fn" | "unsafe" | "async" | "extern" | "mut")
}

fn module_of(file: &str) -> String {
    let parts = file.trim_end_matches(".rs").split('/').filter(|part| !matches!(*part, "lib" | "mod"));
    std::iter::once("crate").chain(parts).collect::<Vec<_>>().join("::")
}

fn is_within(module: &str, outer: &str) -> bool {
    module.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// A path from the root of the crate, where it begins with `crate`, `self` or `super`.
fn absolute(module: &str, path: &[&str]) -> String {
    let mut from: Vec<&str> = module.split("::").collect();
    for (place, part) in path.iter().enumerate() {
        match *part {
            "crate" => from.truncate(1),
            "self" => {}
            "super" => from.truncate(from.len().saturating_sub(1)),
            name if place == 0 => from = vec![name],
            name => from.push(name),
        }
    }
    from.join("::")
}

/// The tokens without what stands under `#[cfg(test)]`, and the modules `mod name;` that stand there.
fn without_tests<'a>(tokens: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut code, mut modules) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        if let Some(item) = rest.strip_prefix(&TEST) {
            let (item, after) = item.split_at(item_length(item));
            if let [.., "mod", name, ";"] = item {
                modules.push(*name);
            }
            rest = after;
        } else {
            code.push(*token);
            rest = after;
        }
    }
    (code, modules)
}

/// Up to the item's semicolon, or to the end of its braces.
fn item_length(tokens: &[&str]) -> usize {
    let mut depth = 0_usize;
    let mut is_use = false;
    for (place, token) in tokens.iter().enumerate() {
        match *token {
            "use" if depth == 0 => is_use = true,
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return place,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 && !is_use {
                    return place + 1;
                }
            }
            ";" if depth == 0 => return place + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// What is in the brackets that open here.
fn group<'s, 'a>(tokens: &'s [&'a str], open: usize) -> &'s [&'a str] {
    let inside = tokens.get(open + 1..).unwrap_or_default();
    let mut depth = 1;
    let end = inside.iter().position(|token| {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    &inside[..end.unwrap_or(inside.len())]
}

/// The words, numbers and marks of a source. Comments and lifetimes are left out; a text or a character is
/// `"`.
fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, token) = if let Some(length) = comment(rest) {
            (length, None)
        } else if let Some(length) = quoted(rest) {
            (length, Some("\""))
        } else if let Some(name) = rest.strip_prefix("r#").or(rest.strip_prefix('\'')) {
            // A raw name is a name; a lifetime is nothing.
            let length = word_length(name);
            let is_raw = first == 'r';
            (rest.len() - name.len() + length, is_raw.then(|| &name[..length]))
        } else if first.is_ascii_digit() {
            let length = number_length(rest);
            (length, Some(&rest[..length]))
        } else {
            let marks = ["::", "..=", "...", ".."].into_iter().find(|mark| rest.starts_with(mark));
            let length = marks.map_or_else(|| word_length(rest).max(first.len_utf8()), str::len);
            (length, (!first.is_whitespace()).then(|| &rest[..length]))
        };
        found.extend(token);
        rest = &rest[length..];
    }
    found
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// `1.5` is one number; in `1..5` and `x.0.first()` the numbers end before the dots.
fn number_length(text: &str) -> usize {
    let whole = word_length(text);
    match text[whole..].strip_prefix('.') {
        Some(part) if part.starts_with(|c: char| c.is_ascii_digit()) => whole + 1 + word_length(part),
        Some(_) | None => whole,
    }
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut rest = text.strip_prefix("/*")?;
    let mut depth = 1;
    while depth > 0 {
        let Some(next) = rest.find(['/', '*']) else { return Some(text.len()) };
        rest = &rest[next..];
        let step = ["/*", "*/"].into_iter().find(|mark| rest.starts_with(mark));
        depth = match step {
            Some("/*") => depth + 1,
            Some(_) => depth - 1,
            None => depth,
        };
        rest = &rest[step.map_or(1, str::len)..];
    }
    Some(text.len() - rest.len())
}

/// The length of the text or character that begins here, if one does.
fn quoted(text: &str) -> Option<usize> {
    let prefix = text.find(|c| !matches!(c, 'b' | 'c' | 'r')).filter(|length| *length <= 2)?;
    let (is_raw, opening) = (text[..prefix].ends_with('r'), &text[prefix..]);
    let hashes = if is_raw { opening.len() - opening.trim_start_matches('#').len() } else { 0 };
    let opened = prefix + hashes + 1;
    if opening[hashes..].starts_with('"') {
        let body = &text[opened..];
        let end = if is_raw {
            let closing = format!("\"{}", "#".repeat(hashes));
            body.find(&closing).map(|end| end + closing.len())
        } else {
            closing_quote(body, '"')
        };
        return Some(end.map_or(text.len(), |end| opened + end));
    }
    let body = opening.strip_prefix('\'')?;
    let second = body.char_indices().nth(1);
    let is_character = body.starts_with('\\') || second.is_some_and(|(_, c)| c == '\'');
    if is_character { closing_quote(body, '\'').map(|end| opened + end) } else { None }
}

/// Where a text ends: after the first quote that no backslash is before.
fn closing_quote(body: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (place, c) in body.char_indices() {
        if c == quote && !is_escaped {
            return Some(place + 1);
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    None
}

#[test]
fn a_circle_is_seen() {
    let circle = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        ("b.rs", "use super::{c::{self, C as Sea}, d::D};\npub struct B(Sea);"),
        ("c.rs", "pub struct C;\npub fn c(a: &crate::a::A) {}"),
        ("d.rs", "pub struct D;"),
    ];
    assert_eq!(circles(&circle), [["a.rs", "b.rs", "c.rs"]]);
    assert_eq!(edges(&circle), ["a.rs -> b.rs: B", "b.rs -> c.rs: C", "b.rs -> d.rs: D", "c.rs -> a.rs: A"]);
    let child = [
        ("a/mod.rs", "macro_rules! half { ($x:expr) => { $x / 2 } }\nmod b;\npub const MOST: u32 = 1;"),
        ("a/b.rs", "const HALF: u32 = half!(super::MOST);"),
    ];
    assert_eq!(edges(&child), ["a/b.rs -> a/mod.rs: MOST, half"]);
}

#[test]
fn a_re_export_is_looked_through() {
    let mut sources = vec![
        ("lib.rs", "mod a; mod b;\npub use a::Deep;"),
        ("a/mod.rs", "mod x; mod y;\npub use x::{Deep, same};\npub(crate) use y::Other as Another;"),
        ("a/x/mod.rs", "mod deep; mod same;\npub(in crate::a) use self::{deep::Deep, same::same};"),
        ("a/x/deep.rs", "pub struct Deep;"),
        ("a/x/same.rs", "pub fn same() {}"),
        ("a/y.rs", "pub struct Other;\nmacro_rules! loud { () => {} }\npub(super) use loud;"),
        ("b.rs", "use crate::a::{Another, Deep, same};"),
    ];
    let looked_through = ["b.rs -> a/x/deep.rs: Deep", "b.rs -> a/x/same.rs: same", "b.rs -> a/y.rs: Other"];
    assert_eq!(edges(&sources), looked_through);
    sources[6].1 = "use crate::Deep as Far;\nfn f() { crate::a::y::loud!() }";
    assert_eq!(edges(&sources), ["b.rs -> a/x/deep.rs: Deep", "b.rs -> a/y.rs: loud"]);
    sources[6].1 = "";
    sources[1].1 = "mod x; mod y;\npub use x::{Deep, same};\nfn f(deep: &Deep) { same() }";
    assert_eq!(edges(&sources), ["a/mod.rs -> a/x/deep.rs: Deep", "a/mod.rs -> a/x/same.rs: same"]);
}

#[test]
fn an_inline_path_counts() {
    let mut sources = [
        ("a/mod.rs", "pub mod hold; mod other;"),
        ("a/hold.rs", "pub const TRIES: u32 = 4;\npub fn hold() {}"),
        ("a/other.rs", "fn f() -> u32 { crate::a::hold::TRIES }"),
    ];
    let edge = ["a/other.rs -> a/hold.rs: TRIES"];
    assert_eq!(edges(&sources), edge);
    for text in [
        "fn f() -> u32 { super::hold::TRIES }",
        "fn f() -> u32 { self::super::hold::TRIES }",
        "use crate::a::hold;\nfn f(most: u32) -> u32 { most.min(hold::TRIES) }",
        "use crate::a::{self as all};\nfn f() -> u32 { match 1 { 0..all::hold::TRIES => 2, n => n } }",
        "mod inner { fn f() -> u32 { super::super::hold::TRIES } }",
        "#[most(super::hold::TRIES)]\nstruct S<'a>(&'a str);",
        "macro_rules! most { ($x:expr) => { $x < $crate::a::hold::TRIES } }",
    ] {
        sources[2].1 = text;
        assert_eq!(edges(&sources), edge, "{text}");
    }
    sources[2].1 = "use crate::a::hold;\nfn f(x: &X) { x.hold.hold(); let hold = TRIES; }";
    assert_eq!(edges(&sources), Vec::<String>::new(), "a module's own name, and methods, name nothing in it");
}

#[test]
fn what_is_in_a_comment_or_string_or_test_does_not_count() {
    let mut sources =
        [("a.rs", "pub struct A;"), ("b.rs", ""), ("c.rs", "use crate::a::A;"), ("lib.rs", "mod a;")];
    for text in [
        "// crate::a::A\n/* /* crate::a::A */ crate::a::A */\n/// [`crate::a::A`]\nstruct B;",
        r##"const B: &str = "\" crate::a::A"; const C: &str = r#"" crate::a::A"#;"##,
        r#"const B: &[u8] = b"crate::a::A"; const C: &CStr = c"\" crate::a::A";"#,
        r#"const B: [char; 2] = ['"', '\'']; const C: u8 = b'"'; const D: &str = " crate::a::A";"#,
        "#[cfg(test)]\nmod tests { fn f() { { crate::a::A } } }\n#[cfg(test)]\nuse crate::{a::A};\nstruct B;",
        "#[cfg(test)]\n#[rustfmt::skip]\nfn f(a: [u8; 3]) { crate::a::A }\nimpl B {}",
    ] {
        sources[1].1 = text;
        assert_eq!(edges(&sources), ["c.rs -> a.rs: A"], "{text}");
    }
    sources[1].1 = "#[cfg(test)] mod tests { fn f() {} }\nfn f<'a>(c: char) -> &'a crate::a::A { loop {} }";
    assert_eq!(edges(&sources), ["b.rs -> a.rs: A", "c.rs -> a.rs: A"], "what follows a test counts");
    sources[1].1 = "";
    sources[3].1 = "mod a;\n#[cfg(test)]\nmod c;";
    assert_eq!(edges(&sources), Vec::<String>::new(), "a file may be a test as a whole");
}

#[test]
fn a_glob_is_looked_through() {
    let mut sources = [
        ("a/mod.rs", "mod x;\npub use x::*;\npub const LEAST: u32 = 0;"),
        ("a/x.rs", "pub struct X;\npub enum E { One }\nid! { Made }"),
        ("b.rs", "use crate::a::*;\nfn f(x: X) -> Y { LEAST }"),
        ("c.rs", "use crate::a::{Made, E::*};"),
    ];
    let of_c = "c.rs -> a/x.rs: E, Made";
    assert_eq!(edges(&sources), ["b.rs -> a/mod.rs: LEAST", "b.rs -> a/x.rs: X", of_c]);
    sources[2].1 = "use crate::a::*;\nstruct X;\nfn f(x: X) { x.e() }\nenum F { E, Made(u8) }";
    assert_eq!(edges(&sources), [of_c], "what the file defines itself comes first");
}

fn edges(sources: &[(&str, &str)]) -> Vec<String> {
    Graph::of(&texts(sources)).edges()
}

fn circles(sources: &[(&str, &str)]) -> Vec<Vec<String>> {
    let circles = |circle: BTreeSet<&str>| circle.into_iter().map(str::to_owned).collect();
    Graph::of(&texts(sources)).circles().into_iter().map(circles).collect()
}

fn texts(sources: &[(&str, &str)]) -> BTreeMap<String, String> {
    sources.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()
}
