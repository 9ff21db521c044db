import { describe } from "@jest/globals";
import { knowsMlDsa } from "../../services/certificate-authority/custody/ml-dsa-runtime.ts";

/** As `describe`; where the runtime has no ML-DSA its tests are skipped, and say why in their name. */
export function describeMlDsa(name: string, tests: () => void): void {
  if (knowsMlDsa()) describe(name, tests);
  else describe.skip(`${name} (needs Node.js 24.6 with OpenSSL 3.5)`, tests);
}
