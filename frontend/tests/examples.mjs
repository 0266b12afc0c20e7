// Makes a module of the TypeScript in docs/frontend.md, line by line where it is on the page.
import { readFileSync, writeFileSync } from "node:fs";

let inside = false;
const lines = readFileSync("../../docs/frontend.md", "utf8").split("\n").map((line) => {
  if (line.startsWith("```")) {
    inside = line === "```ts";
    return "";
  }
  return inside ? line : "";
});
if (lines.every((line) => line === "")) {
  throw new Error("docs/frontend.md has no TypeScript");
}
writeFileSync("../../target/web/frontend.ts", lines.join("\n"));
