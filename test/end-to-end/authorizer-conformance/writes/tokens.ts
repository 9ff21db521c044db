import type { Uids } from "../setting.ts";
import { SHOP, type WriteRow, writing } from "./write-row.ts";

interface TokenWish {
  readonly audiences?: readonly string[];
  readonly pod?: string;
  /** Changes to the reference that is as it should be; null leaves it out. */
  readonly bound?: object | null;
  readonly account?: string;
}

function request(
  name: string,
  { audiences = [], pod = "tokens", bound = {}, account = "default" }: TokenWish,
  as?: string,
) {
  const body = (uids: Uids): object => {
    const right = { apiVersion: "v1", kind: "Pod", name: pod, uid: uids[`pod ${pod}`], ...bound };
    const spec = { audiences, expirationSeconds: 600, ...(bound !== null && { boundObjectRef: right }) };
    return { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
  };
  return writing("POST", `${SHOP}/serviceaccounts/${account}/token`, name, body, as);
}

const AUDIENCES = "vault inline-driver claimed-driver migrated-driver granted other".split(" ");

export const TOKEN_REQUESTS: readonly WriteRow[] = [
  request("for nobody in particular", {}),
  request("for the API server by name", { audiences: ["https://kubernetes.default.svc"] }),
  request("for an empty audience", { audiences: [""] }),
  ...AUDIENCES.map((audience) => request(`for ${audience}`, { audiences: [audience] })),
  ...AUDIENCES.map((audience) => request(`for ${audience}, a volume lost`, { audiences: [audience], pod: "lost" })),
  request("for nobody in particular, a volume lost", { pod: "lost" }),
  request("for a driver that the pod has not", { audiences: ["inline-driver"], pod: "labelled" }),
  request("for two", { audiences: ["vault", "inline-driver"] }),
  request("for one twice", { audiences: ["vault", "vault"] }),
  request("bound to nothing", { bound: null }),
  request("bound to a secret", { bound: { kind: "Secret" } }),
  request("bound to another version", { bound: { apiVersion: "v2" } }),
  request("bound without a name", { bound: { name: "" } }),
  request("bound without a uid", { bound: { uid: "" } }),
  request("bound to another uid", { bound: { uid: "x" } }),
  request("bound to another's pod", { pod: "everything" }),
  request("bound to what is not there", { pod: "nothing", bound: { uid: "x" } }),
  request("bound to a mirror pod", { pod: "mirror-n3" }),
  request("of another account", { account: "builder" }),
  request("of no account", { account: "nothing" }),
  request("by nobody", {}, "system:node:"),
];
