import type { Request, Response } from "express";
import express, { type Express } from "express";
import helmet from "helmet";
import { z } from "zod";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { NodeAuthorizer } from "../domain/node-authorizer.ts";
import { sendError, sendJsonText } from "./exchange.ts";
import { explainFor, readersOf } from "./graph-answers.ts";
import type { Metrics } from "./metrics.ts";

export interface AppDependencies {
  readonly authorizer: NodeAuthorizer;
  /** What `/v1/graph` tells of feed and revocations. */
  readonly state: () => Readonly<Record<string, unknown>>;
  /** Why there can be no verdict yet; undefined when there can. */
  readonly unreadiness: () => string | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

const API_VERSION = "gatehouse.dev/v1";

const name = z.string().min(1, "must be given").max(253);
const optional = z.string().max(253).default("");
const explainQuery = z.strictObject({
  node: name,
  verb: z.string().min(1, "must be given").max(63),
  group: optional,
  resource: name,
  subresource: optional,
  namespace: optional,
  name: optional,
});
const objectQuery = z.strictObject({ group: optional, resource: name, namespace: optional, name });
const changesQuery = z.strictObject({
  since: z
    .string()
    .regex(/^\d{1,15}$/, "must be a revision, a whole number")
    .transform(Number),
});

/** Everything but the webhooks: for operators and their monitoring. */
export function createApp(deps: AppDependencies): Express {
  const { authorizer, metrics } = deps;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.enable("case sensitive routing");
  app.enable("strict routing");
  app.use(helmet());
  const get = (path: string, answer: (request: Request) => object): void => {
    app.get(path, (request, response) => sendJsonText(response, 200, JSON.stringify(answer(request))));
    app.all(path, (request, response) => refuseMethod(request, response));
  };
  get("/v1/graph", () => ({
    ...resource("Graph"),
    revision: authorizer.revision,
    eventsApplied: authorizer.eventsApplied,
    sizes: authorizer.sizes(),
    ...deps.state(),
  }));
  get("/v1/explain", (request) => {
    const query = read(explainQuery, request);
    return { ...resource("Explanation"), ...query, ...explainFor(authorizer, query) };
  });
  get("/v1/readers", (request) => {
    return { ...resource("ReaderList"), ...readersOf(authorizer, read(objectQuery, request)) };
  });
  get("/v1/nodes/:name/objects", (request) => ({
    ...resource("ReadableObjects"),
    ...authorizer.readableBy(nodeOf(request)),
  }));
  get("/v1/nodes/:name/drain", (request) => ({
    ...resource("Drain"),
    ...authorizer.drain(nodeOf(request)),
  }));
  get("/v1/changes", (request) => ({
    ...resource("ChangeList"),
    ...authorizer.changesSince(read(changesQuery, request).since),
  }));
  healthRoutes(app, deps);
  app.get("/metrics", async (_, response) => {
    response.writeHead(200, { "content-type": metrics.contentType });
    response.end(await metrics.render());
  });
  app.use((request: Request, response: Response) => {
    sendError(request, response, new StatusError("NotFound", "the server could not find the requested resource"));
  });
  app.use((error: unknown, request: Request, response: Response, _next: unknown) => {
    // Express itself refuses paths that are not valid percent-encoding.
    const known = error instanceof URIError ? new StatusError("BadRequest", "the path is not valid") : error;
    if (!(known instanceof StatusError)) deps.logger.error({ err: error }, "could not answer");
    sendError(request, response, known);
  });
  return app;
}

function healthRoutes(app: Express, { unreadiness }: AppDependencies): void {
  const text = (response: Response, code: number, body: string): void => {
    response.writeHead(code, { "content-type": "text/plain; charset=utf-8" });
    response.end(`${body}\n`);
  };
  app.get("/livez", (_, response) => text(response, 200, "ok"));
  for (const path of ["/healthz", "/readyz"]) {
    app.get(path, (_, response) => {
      const reason = unreadiness();
      text(response, reason === undefined ? 200 : 503, reason ?? "ok");
    });
  }
}

function resource(kind: string) {
  return { apiVersion: API_VERSION, kind };
}

function nodeOf(request: Request): string {
  const { name: given } = request.params;
  if (typeof given === "string" && given.length <= 253) return given;
  throw new StatusError("BadRequest", "a node's name has at most 253 characters");
}

/** @throws {StatusError} BadRequest naming each parameter that is wrong. */
function read<Schema extends z.ZodObject>(schema: Schema, request: Request): z.output<Schema> {
  const result = schema.safeParse(request.query);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join(".") || "query"}: ${message}`);
  throw new StatusError("BadRequest", `${problems.join("; ")}; known are ${Object.keys(schema.shape).join(", ")}`);
}

function refuseMethod(request: Request, response: Response): void {
  response.setHeader("allow", "GET, HEAD");
  sendError(request, response, new StatusError("MethodNotAllowed", "ask with GET"));
}
