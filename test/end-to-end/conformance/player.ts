import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { parse } from "yaml";
import { isJsonObject } from "../../../services/shared/kubernetes/json-object.ts";
import { decodeProtobuf, PROTOBUF_TYPE } from "../../../services/shared/kubernetes/protobuf.ts";
import { WatchFrameDecoder } from "../../../services/shared/kubernetes/watch-frames.ts";
import { REQUESTS_PATH } from "../support/certificate-requests-client.ts";
import type { HttpsClient } from "../support/https-client.ts";
import { isStatus, normalise, normaliseStatus, normaliseWarnings } from "./normalise.ts";
import type { Body, Context, Exchange, Headers, Row, Step } from "./row.ts";
import type { UserName } from "./users.ts";

/** One of the two servers as every user sees it. */
export type Callers = Readonly<Record<UserName, HttpsClient>>;

/** What is compared of an answer. */
export interface Observation {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** RFC 9110 asks for Allow with every 405, but kube-apiserver does not send it. */
const COMPARED_HEADERS = ["content-type", "warning", "retry-after", "cache-control"] as const;
const FUTURE = "1000000000";
/** A list, which kube-apiserver answers when its cache, from which it serves watches, has seen all that went before. */
const CATCH_UP: Exchange = { method: "GET", path: `${REQUESTS_PATH}?labelSelector=none` };
/** Longer than events need from there. */
const SILENCE_MILLISECONDS = 3000;

/** Plays rows on one server. */
export class Player {
  readonly #callers: Callers;

  constructor(callers: Callers) {
    this.#callers = callers;
  }

  /** @throws {Error} when something that is given does not succeed. */
  async play({ given = [], asked, loosely }: Row, name: string): Promise<readonly Observation[]> {
    let context: Context = { name, signer: `example.com/${name}`, uid: "", revision: "0" };
    for (const exchange of given) {
      const { status, body } = await this.#send(exchange, context);
      if (status >= 300) throw new Error(`${exchange.method} ${exchange.path}: ${status} ${JSON.stringify(body)}`);
      context = after(context, body);
    }
    const observations: Observation[] = [];
    for (const step of asked) {
      const answer = "watch" in step ? await this.#watch(step, context) : await this.#send(step, context);
      context = after(context, answer.body);
      observations.push(loosely === undefined ? observed(answer) : outlined(answer));
    }
    return observations;
  }

  async #send({ as = "admin", method, path, headers = {}, body }: Exchange, context: Context): Promise<Answer> {
    const message = {
      headers: filledHeaders(headers, context),
      ...(body !== undefined && { body: bytesOf(body, context) }),
    };
    const answer = await this.#callers[as].send(method, filled(path, context), message);
    return { status: answer.status, headers: answer.headers, body: decode(answer.headers, answer.body) };
  }

  async #watch(step: Extract<Step, { watch: string }>, context: Context): Promise<Answer> {
    const { as = "admin", watch, headers = {}, meanwhile = [], bookmarks = false } = step;
    const message = { headers: filledHeaders(headers, context) };
    const answer = await this.#callers[as].open("GET", filled(watch, context), message);
    for (const exchange of meanwhile) await this.#send(exchange, context);
    if (meanwhile.length > 0) await this.#send(CATCH_UP, context);
    const bytes = await (meanwhile.length === 0 || bookmarks ? buffer(answer) : readUntilSilent(answer));
    const isStream = answer.statusCode === 200;
    const events = isStream ? eventsIn(answer, bytes) : [];
    // How many bookmarks come in a row is a server's own business.
    const isCompared = (event: Event, index: number): boolean =>
      !isPlainBookmark(event) || (bookmarks && events[index - 1]?.type !== "BOOKMARK");
    const body = isStream ? events.filter(isCompared) : decode(answer.headers, bytes);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body };
  }
}

/** What a stream holds until nothing has come for a while; leaves it then. */
function readUntilSilent(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const leave = (): void => {
      clearTimeout(silence);
      answer.destroy();
      resolve(Buffer.concat(chunks));
    };
    const silence = setTimeout(leave, SILENCE_MILLISECONDS);
    answer.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      silence.refresh();
    });
    answer.once("error", leave).once("end", leave);
  });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

function observed({ status, headers, body }: Answer): Observation {
  const compared = COMPARED_HEADERS.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, name === "warning" ? normaliseWarnings(String(value)) : value]];
  });
  return {
    status,
    headers: Object.fromEntries(compared),
    body: isStatus(body) ? normaliseStatus(body) : normalise(body),
  };
}

function outlined({ status, body }: Answer): Observation {
  return { status, headers: {}, body: isStatus(body) ? body["reason"] : undefined };
}

/** The object that was answered last is what `$uid` and `$revision` speak of. */
function after(context: Context, body: unknown): Context {
  const metadata = isJsonObject(body) && isJsonObject(body["metadata"]) ? body["metadata"] : {};
  const { uid = context.uid, resourceVersion = context.revision } = metadata;
  return { ...context, uid: String(uid), revision: String(resourceVersion) };
}

function filled(text: string, { name, signer, uid, revision }: Context): string {
  return text
    .replaceAll("$name", name)
    .replaceAll("$signer", signer)
    .replaceAll("$uid", uid)
    .replaceAll("$revision", revision)
    .replaceAll("$future", FUTURE);
}

function filledHeaders(headers: Headers, context: Context): Record<string, string | string[]> {
  const fill = (text: string): string => filled(text, context);
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.map(fill) : fill(value)]),
  );
}

function bytesOf(body: Body, context: Context): string | Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (typeof body === "function") return body(context);
  return filled(typeof body === "string" ? body : JSON.stringify(body), context);
}

function decode(headers: IncomingHttpHeaders, body: Buffer): unknown {
  const [type = ""] = (headers["content-type"] ?? "").split(";");
  if (body.length === 0) return undefined;
  if (type === "application/json") return JSON.parse(body.toString("utf8"));
  if (type === "application/yaml") return parse(body.toString("utf8"));
  if (type === PROTOBUF_TYPE) return withoutZeroes(decodeProtobuf(body).object);
  return body.toString("utf8");
}

/** Protobuf does not tell whether a zero value was sent or left out. */
function withoutZeroes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutZeroes);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, withoutZeroes(member)] as const);
  return Object.fromEntries(entries.filter(([, member]) => !isZero(member)));
}

function isZero(value: unknown): boolean {
  return value === "" || value === 0 || value === false || (isJsonObject(value) && Object.keys(value).length === 0);
}

function eventsIn({ headers }: IncomingMessage, bytes: Buffer): readonly Event[] {
  const type = headers["content-type"] ?? "";
  if (type.startsWith(PROTOBUF_TYPE)) {
    return new WatchFrameDecoder()
      .push(bytes)
      .map((event) => comparableEvent(withoutZeroes(event) as unknown as Event));
  }
  const lines = bytes.toString("utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => comparableEvent(JSON.parse(line)));
}

interface Event {
  readonly type: string;
  readonly object: unknown;
}

/** An error is a Status, whose text is free; of a bookmark only the metadata mean something. */
function comparableEvent({ type, object }: Event): Event {
  if (isStatus(object)) {
    const { message: _, ...rest } = object;
    return { type, object: rest };
  }
  if (type !== "BOOKMARK" || !isJsonObject(object) || object["kind"] === "Table") return { type, object };
  return { type, object: { kind: object["kind"], apiVersion: object["apiVersion"], metadata: object["metadata"] } };
}

/** Other than the one that ends the initial events. */
function isPlainBookmark({ type, object }: Event): boolean {
  return type === "BOOKMARK" && !JSON.stringify(object).includes("initial-events-end");
}
