import { execFileSync } from "node:child_process";

/** Runs the openssl command line and returns what it prints; what it says on standard error goes into the exception. */
export function openssl(...args: readonly string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
