import { readFileSync } from "node:fs";

/** The version in package.json, which lies two levels above both the sources and what is built of them. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { readonly version: string }
).version;
