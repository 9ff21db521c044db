import { z } from "zod";
import { StatusError } from "../../../shared/status-error.ts";
import type { ConfiguredIssuer, ConfiguredIssuers } from "../../domain/issuer.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, type ConfiguredIssuerResource, type IssuerRequestResource, listBody } from "./resources.ts";
import { pathParameter, readJsonBody, readQuery } from "./validation.ts";

const MAXIMUM_CHAIN_CHARACTERS = 200_000;

/** The body of `POST /v1/configured-issuers/{name}/certificate`. */
export const issuerChain = z.strictObject({
  apiVersion: z.literal(API_VERSION, `must be ${API_VERSION} or left out`).optional(),
  kind: z.literal("IssuerChain", "must be IssuerChain or left out").optional(),
  chainPem: z
    .string("must be PEM text")
    .min(1, "must not be empty")
    .max(MAXIMUM_CHAIN_CHARACTERS, `must have at most ${MAXIMUM_CHAIN_CHARACTERS} characters`)
    .describe("The issuer's certificate and every one above it, up to the self-signed root, in any order."),
});

export interface ConfiguredIssuerDependencies {
  readonly configuredIssuers: ConfiguredIssuers;
}

/** What the configuration names, also while it has no certificate yet, and the way to get it one. */
export function configuredIssuerHandlers({ configuredIssuers }: ConfiguredIssuerDependencies): {
  readonly list: Handler;
  readonly request: Handler;
  readonly install: Handler;
} {
  function list(call: Call): void {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    sendJson(call.response, 200, listBody("ConfiguredIssuerList", configuredIssuers.list().map(describe)));
  }

  async function request(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const { name } = issuerOf(call);
    const requestPem = await configuredIssuers.requestCertificate(name, call.user.username);
    const answer: IssuerRequestResource = { apiVersion: API_VERSION, kind: "IssuerRequest", name, requestPem };
    sendJson(call.response, 200, answer);
  }

  async function install(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const { name } = issuerOf(call);
    const { chainPem } = await readJsonBody(call, issuerChain, "IssuerChain");
    await configuredIssuers.install(name, chainPem, call.user.username);
    sendJson(call.response, 200, describe(issuerOf(call)));
  }

  function issuerOf(call: Call): ConfiguredIssuer {
    const name = pathParameter(call, 1);
    const found = configuredIssuers.list().find((issuer) => issuer.name === name);
    if (found !== undefined) return found;
    const details = { kind: "configured-issuers", name };
    const message = `no issuer ${name} is configured; /v1/configured-issuers lists them`;
    throw new StatusError("NotFound", message, { details });
  }

  return { list, request, install };
}

function describe({ name, state, id, problem, signerNames }: ConfiguredIssuer): ConfiguredIssuerResource {
  return {
    apiVersion: API_VERSION,
    kind: "ConfiguredIssuer",
    name,
    state,
    ...(id !== undefined && { issuerId: id }),
    ...(problem !== undefined && { problem }),
    signerNames: [...signerNames],
  };
}
