import type { HttpsClient } from "../../support/https-client.ts";
import { send, type Uids } from "../setting.ts";

export interface WriteRow {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body?: object | ((uids: Uids) => object);
  /** User name of the node; n3 may write everything, so that only admission restricts it. */
  readonly as: string;
}

const PATCH = "application/merge-patch+json";

/** Writes as the node, keeping nothing. @returns code, and reason of a refusal. */
export async function write(client: HttpsClient, uids: Uids, row: WriteRow): Promise<string> {
  const headers = {
    "impersonate-user": row.as,
    "impersonate-group": ["system:nodes", "system:authenticated"],
    ...(row.method === "PATCH" && { "content-type": PATCH }),
  };
  const body = typeof row.body === "function" ? row.body(uids) : row.body;
  const answer = await send(client, row.method, `${row.path}?dryRun=All`, body, headers);
  const { reason = "" } = JSON.parse(answer.body.toString()) as { readonly reason?: string };
  return answer.status < 300 ? String(answer.status) : `${answer.status} ${reason}`;
}

export function writing(
  method: string,
  path: string,
  name: string,
  body?: WriteRow["body"],
  as = "system:node:n3",
): WriteRow {
  const asked = { name: as === "system:node:n3" ? name : `${name}, as ${as}`, method, path, as };
  return body === undefined ? asked : { ...asked, body };
}

export const SHOP = "/api/v1/namespaces/shop";
