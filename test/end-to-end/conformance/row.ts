import { REQUESTS_PATH } from "../support/certificate-requests-client.ts";
import type { UserName } from "./users.ts";

/**
 * What a row sends to both servers, and in which order. In paths, headers and bodies `$name` stands for a name of the
 * row's own; `$uid`, `$revision` and `$signer` for the uid and the resourceVersion of the object that was answered last
 * and for a signer of the row's own; `$future` for a resourceVersion that is far from being reached.
 */
export interface Row {
  readonly name: string;
  /** Requests that must succeed; they make what the row is about. */
  readonly given?: readonly Exchange[];
  /** Requests whose answers are compared. */
  readonly asked: readonly Step[];
  /** Why no more than status and reason are compared. */
  readonly loosely?: string;
}

/** Anything but bytes and text is sent as JSON. */
export type Body = object | string | Uint8Array | ((context: Context) => Uint8Array | string);

export interface Context {
  readonly name: string;
  readonly signer: string;
  readonly uid: string;
  readonly revision: string;
}

export type Headers = Readonly<Record<string, string | string[]>>;

export interface Exchange {
  /** Default: `admin`. */
  readonly as?: UserName;
  readonly method: string;
  readonly path: string;
  readonly headers?: Headers;
  readonly body?: Body;
}

/**
 * A GET that is answered by a stream; `meanwhile` is sent when its headers are here. With something happening meanwhile
 * it is left when nothing more comes, otherwise its end is awaited.
 */
export interface Watch {
  readonly as?: UserName;
  readonly watch: string;
  readonly headers?: Headers;
  readonly meanwhile?: readonly Exchange[];
  /** Whether bookmarks in between, which come when a server sees fit, are compared too, and the end is awaited. */
  readonly bookmarks?: boolean;
}

export type Step = Exchange | Watch;

/** Whether a row has to wait for the end of a stream. */
export function isWatching({ asked }: Row): boolean {
  return asked.some((step) => "watch" in step);
}

/** Whether a row watches what happens meanwhile. */
export function isEventful({ asked }: Row): boolean {
  return asked.some((step) => "watch" in step && step.meanwhile !== undefined && step.meanwhile.length > 0);
}

export type Options = Pick<Exchange, "as" | "headers"> & { readonly query?: string };

export const JSON_HEADERS = { "content-type": "application/json" } as const;

/** Path of a row's own object. */
export const OWN = `${REQUESTS_PATH}/$name`;

function exchange(method: string, path: string, body: Body | undefined, { query, ...options }: Options): Exchange {
  return {
    method,
    path: query === undefined ? path : `${path}?${query}`,
    headers: body === undefined ? {} : JSON_HEADERS,
    ...(body !== undefined && { body }),
    ...options,
  };
}

export const get = (path: string = OWN, options: Options = {}) => exchange("GET", path, undefined, options);
export const list = (query: string, options: Options = {}) => get(REQUESTS_PATH, { query, ...options });
export const post = (body: Body, options: Options = {}) => exchange("POST", REQUESTS_PATH, body, options);
export const postTo = (path: string, body: Body, options: Options = {}) => exchange("POST", path, body, options);
export const remove = (body?: Body, options: Options = {}) => exchange("DELETE", OWN, body, options);
export const removeAll = (query: string, body?: Body, options: Options = {}) =>
  exchange("DELETE", REQUESTS_PATH, body, { query, ...options });

export type Target = "" | "/approval" | "/status";

export const put = (target: Target, body: Body, options: Options = {}) => exchange("PUT", OWN + target, body, options);

const PATCH_TYPES = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;

export const patch = (type: keyof typeof PATCH_TYPES, target: Target, body: Body, options: Options = {}) =>
  exchange("PATCH", OWN + target, body, { headers: { "content-type": PATCH_TYPES[type] }, ...options });

/** Never reached: who watches leaves when all has happened. */
const EVENTFUL_SECONDS = 300;
/** Long enough for what is there already, also on a busy machine. */
const UNEVENTFUL_SECONDS = 5;

/** Watches with these options, for some seconds when nothing happens meanwhile. */
export function watch(query: string, meanwhile: readonly Exchange[] = [], options: Options = {}): Watch {
  const { query: _, ...rest } = options;
  const seconds = meanwhile.length > 0 ? EVENTFUL_SECONDS : UNEVENTFUL_SECONDS;
  return { watch: `${REQUESTS_PATH}?watch=true&timeoutSeconds=${seconds}&${query}`, meanwhile, ...rest };
}
