// The TypeScript in docs/frontend.md as one module; run by itself, writes it to where it is type-checked.

import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";

/** The module, line by line where it is on the page. */
export function typescript() {
  let inside = false;
  const page = readFileSync(new URL("../../docs/frontend.md", import.meta.url), "utf8");
  const lines = page.split("\n").map((line) => {
    if (line.startsWith("```")) {
      inside = line === "```ts";
      return "";
    }
    return inside ? line : "";
  });
  if (lines.every((line) => line === "")) {
    throw new Error("docs/frontend.md has no TypeScript");
  }
  return lines.join("\n");
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("../../target/web/frontend.ts", import.meta.url), typescript());
}
