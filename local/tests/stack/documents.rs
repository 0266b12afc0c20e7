//! The pages in `docs/` name tests as evidence.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The folders whose tests a page may name.
const CODE: [&str; 7] = [
    "admin",
    "avatar",
    "bench",
    "functions",
    "fuzz",
    "local",
    "shared",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the files in `folder`, and below, that end in `extension`.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !path.ends_with("target"))
        .flat_map(|path| {
            if path.is_dir() {
                return files(&path, extension);
            }
            let matches = path.extension().is_some_and(|found| found == extension);
            matches.then_some(path).into_iter().collect()
        })
        .collect()
}

/// Returns the functions that the code defines, each as `name` and as `module::name`.
fn functions() -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for file in CODE.iter().flat_map(|name| files(&root().join(name), "rs")) {
        let module = file.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        for definition in text.split("fn ").skip(1) {
            let end = definition.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = &definition[..end.unwrap_or(definition.len())];
            functions.insert(name.to_owned());
            functions.insert(format!("{module}::{name}"));
        }
    }
    functions
}

/// Returns the names in `page` that are a test's: words in backticks, joined by underscores.
fn named_tests(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2).filter(|name| {
        let is_path = name.contains("::");
        let function = name.rsplit("::").next().unwrap_or_default();
        let words = function.split('_').count();
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
        name.chars().all(is_name) && words >= if is_path { 3 } else { 4 }
    })
}

#[test]
fn every_test_that_a_page_names_exists() {
    let functions = functions();
    let (mut named, mut missing) = (0, Vec::new());
    for file in files(&root().join("docs"), "md") {
        let page = fs::read_to_string(&file).unwrap();
        for name in named_tests(&page) {
            named += 1;
            let mut segments = name.rsplit("::");
            let function = segments.next().unwrap();
            // The module of unit tests has its file's name for a reader, not for the compiler.
            let module = segments.next().filter(|module| *module != "tests");
            let name = module.map_or(function.to_owned(), |module| {
                format!("{module}::{function}")
            });
            if !functions.contains(&name) {
                missing.push(format!("{}: {name}", file.display()));
            }
        }
    }

    assert_eq!(missing, Vec::<String>::new());
    assert!(named > 100, "{named}");
}
