import { z } from "zod";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { type Status, StatusError } from "../../../shared/status-error.ts";
import {
  BOOTSTRAP_GROUP,
  type BootstrapTokenRecord,
  MAX_TOKEN_DESCRIPTION,
  MAX_TOKEN_GROUPS,
  TOKEN_ID,
  usagesOf,
} from "../../domain/bootstrap-token.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, type BootstrapTokenResource, listBody } from "./resources.ts";
import { pathParameter, readJsonBody, readQuery } from "./validation.ts";

const DEFAULT_TTL_SECONDS = 86_400;
const MIN_TTL_SECONDS = 60;
const MAX_TTL_SECONDS = 365 * 86_400;

/** A node's name is a DNS subdomain (RFC 1123). */
const NODE_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const TTL_RANGE = `must be a whole number of seconds from ${MIN_TTL_SECONDS} to ${MAX_TTL_SECONDS} (365 days)`;

/** The body of `POST /v1/bootstrap-tokens`. */
export const bootstrapTokenRequest = z
  .strictObject({
    apiVersion: z.literal(API_VERSION, `must be ${API_VERSION} or left out`).optional(),
    kind: z.literal("BootstrapToken", "must be BootstrapToken or left out").optional(),
    description: z
      .string("must be text")
      .max(MAX_TOKEN_DESCRIPTION, `must be at most ${MAX_TOKEN_DESCRIPTION} characters`)
      .default(""),
    ttlSeconds: z
      .int(TTL_RANGE)
      .min(MIN_TTL_SECONDS, TTL_RANGE)
      .max(MAX_TTL_SECONDS, TTL_RANGE)
      .optional()
      .describe(`How long the token is good for; ${DEFAULT_TTL_SECONDS} when left out.`),
    neverExpires: z.boolean("must be true or false").default(false).describe("Must be said in so many words."),
    groups: z
      .array(z.string("must be text").regex(BOOTSTRAP_GROUP, "must be like system:bootstrappers:<name>"))
      .max(MAX_TOKEN_GROUPS, `must be at most ${MAX_TOKEN_GROUPS} groups`)
      .default([])
      .describe("Groups besides system:bootstrappers."),
    nodeName: z
      .string("must be text")
      .max(253, "must be at most 253 characters")
      .regex(NODE_NAME, "must be a node's name: lower-case letters, digits, '-' and '.'")
      .optional()
      .describe("Binds the token to this node: a request for another node's certificate is denied."),
    use: z
      .enum(["authentication", "attestation"], { error: "must be authentication or attestation" })
      .default("authentication")
      .describe("What it is for: to log in, or to attest by join_token, which uses it up."),
  })
  .refine((body) => !body.neverExpires || body.ttlSeconds === undefined, {
    path: ["neverExpires"],
    message: "contradicts ttlSeconds; give one of the two",
  })
  .refine((body) => body.use !== "attestation" || (body.nodeName !== undefined && !body.neverExpires), {
    path: ["use"],
    message: "needs nodeName and an end: a token to attest with is for one node and for a while",
  })
  .refine((body) => body.use !== "attestation" || body.groups.length === 0, {
    path: ["groups"],
    message: "must be left out: nobody logs in with a token to attest with",
  });

/** What a new token shall be. `ttlSeconds` undefined means that it never expires. */
export interface NewBootstrapToken {
  readonly description: string;
  readonly ttlSeconds: number | undefined;
  readonly groups: readonly string[];
  readonly nodeName: string | undefined;
  /** Undefined = authentication. */
  readonly use?: "attestation";
}

export interface BootstrapTokenAdministration {
  /** The answer's `token` is the only copy of the secret. */
  create(
    options: NewBootstrapToken,
    createdBy: string,
  ): Promise<{ readonly record: BootstrapTokenRecord; readonly token: string }>;
  list(): Promise<readonly BootstrapTokenRecord[]>;
  /** @returns false when there was none. */
  remove(id: string, removedBy: string): Promise<boolean>;
}

export function bootstrapTokenHandlers(tokens: BootstrapTokenAdministration): {
  readonly list: Handler;
  readonly create: Handler;
  readonly show: Handler;
  readonly remove: Handler;
} {
  async function list(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    sendJson(call.response, 200, listBody("BootstrapTokenList", (await tokens.list()).map(describeToken)));
  }

  async function create(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const body = await readJsonBody(call, bootstrapTokenRequest, "BootstrapToken");
    const { description, groups, nodeName, neverExpires, use } = body;
    const ttlSeconds = neverExpires ? undefined : (body.ttlSeconds ?? DEFAULT_TTL_SECONDS);
    const named = { description, groups: [...new Set(groups)].sort(), nodeName, ttlSeconds };
    const wanted = use === "attestation" ? { ...named, use } : named;
    const { record, token } = await tokens.create(wanted, call.user.username);
    call.response.setHeader("cache-control", "no-store");
    sendJson(call.response, 201, { ...describeToken(record), token });
  }

  async function show(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const id = tokenIdOf(call);
    const record = (await tokens.list()).find((token) => token.id === id);
    if (record === undefined) throw noSuchToken(id);
    sendJson(call.response, 200, describeToken(record));
  }

  async function remove(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const id = tokenIdOf(call);
    if (!(await tokens.remove(id, call.user.username))) throw noSuchToken(id);
    sendJson(call.response, 200, removed(id));
  }

  return { list, create, show, remove };
}

/** Whole tokens are refused without being repeated: an error message is no place for a secret. */
function tokenIdOf(call: Call): string {
  const id = pathParameter(call, 1);
  if (TOKEN_ID.test(id)) return id;
  throw new StatusError("BadRequest", "a bootstrap token is named by its id, the six characters before the dot");
}

function noSuchToken(id: string): StatusError {
  const details = { kind: "bootstrap-tokens", name: id };
  return new StatusError("NotFound", `no bootstrap token ${id} exists; /v1/bootstrap-tokens lists them`, { details });
}

function removed(id: string): Status {
  const details = { kind: "bootstrap-tokens", name: id };
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}

function describeToken(record: BootstrapTokenRecord): BootstrapTokenResource {
  return {
    apiVersion: API_VERSION,
    kind: "BootstrapToken",
    id: record.id,
    description: record.description,
    groups: [...record.extraGroups],
    usages: [...usagesOf(record)],
    ...(record.nodeName !== undefined && { nodeName: record.nodeName }),
    createdAt: toKubernetesTime(record.createdAt),
    ...(record.expiresAt !== undefined && { expiresAt: toKubernetesTime(record.expiresAt) }),
    createdBy: record.createdBy,
  };
}
