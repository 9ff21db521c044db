import { X509Certificate } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../../../shared/clock.ts";
import { contentOf, DerReader, TAG } from "../../../shared/der/der-reader.ts";
import { readObjectIdentifier } from "../../../shared/der/der-values.ts";
import { httpsClient } from "../../../shared/https-exchange.ts";
import { readExtensions } from "../certificate-extensions.ts";
import type { FetchIntermediatesSettings } from "./settings.ts";

/** `authorityInfoAccess` and its method `caIssuers`. Source: RFC 5280 section 4.2.2.1. */
const AUTHORITY_INFORMATION = "2b06010505070101";
const CA_ISSUERS = "2b06010505073002";
const URI = 0x86;

/** Microsoft's repository, which certificates name by http; we ask by https. */
const REPOSITORY =
  /^http:\/\/www\.microsoft\.com(\/pki(?:ops)?\/certs\/[A-Za-z0-9][A-Za-z0-9 _.%-]{0,127}\.(?:crt|cer))$/;

const MAXIMUM_BYTES = 16 * 1024;
/** The issuer of the signer, and roots that older roots have signed. */
const MAXIMUM_HOPS = 3;
const MAXIMUM_ENTRIES = 64;
const KEPT_SECONDS = 86_400;
/** After this a failed fetch is tried again; and no other is begun sooner than this after it. */
const RETRY_SECONDS = 300;
const PAUSE_SECONDS = 2;

/** CA certificates that other certificates say where to find. */
export interface FetchedIntermediates {
  /** What can be had above the last of these certificates; none when nothing can. They prove nothing by themselves. */
  above(chain: readonly X509Certificate[], signal: AbortSignal): Promise<readonly X509Certificate[]>;
  close(): void;
}

interface Entry {
  /** Undefined when it could not be fetched. */
  readonly certificate: X509Certificate | undefined;
  readonly untilEpoch: number;
}

/**
 * Fetches from Microsoft's repository alone, one at a time and not in a row: who signs with a certificate of their own
 * chooses the file's name, and must not make us ask for many.
 */
export function fetchIntermediates(settings: FetchIntermediatesSettings, clock: Clock): FetchedIntermediates {
  const { endpoint, allowPlainHttp, timeoutSeconds } = settings;
  const client = httpsClient({
    timeoutMilliseconds: timeoutSeconds * 1000,
    maximumBytes: MAXIMUM_BYTES,
    maximumConnections: 1,
    allowPlainHttp,
  });
  const entries = new LRUCache<string, Entry>({ max: MAXIMUM_ENTRIES });
  let mayAskAtEpoch = 0;
  const nowEpoch = (): number => clock.now().getTime() / 1000;

  async function issuerAt(path: string, signal: AbortSignal): Promise<X509Certificate | undefined> {
    const kept = entries.get(path);
    if (kept !== undefined && kept.untilEpoch > nowEpoch()) return kept.certificate;
    if (nowEpoch() < mayAskAtEpoch) return undefined;
    mayAskAtEpoch = nowEpoch() + timeoutSeconds;
    const certificate = await client
      .exchange(new URL(path, endpoint), { method: "GET", headers: { accept: "*/*" }, signal })
      .then(({ body }) => new X509Certificate(body))
      .catch(() => undefined);
    const keptSeconds = certificate === undefined ? RETRY_SECONDS : KEPT_SECONDS;
    entries.set(path, { certificate, untilEpoch: nowEpoch() + keptSeconds });
    mayAskAtEpoch = certificate === undefined ? nowEpoch() + PAUSE_SECONDS : 0;
    return certificate;
  }

  return {
    async above(chain, signal) {
      const found: X509Certificate[] = [];
      let last = chain.at(-1);
      while (last !== undefined && found.length < MAXIMUM_HOPS) {
        const path = issuerPathOf(last);
        const issuer: X509Certificate | undefined = path === undefined ? undefined : await issuerAt(path, signal);
        if (issuer === undefined || !last.checkIssued(issuer)) break;
        found.push(issuer);
        last = issuer;
      }
      return found;
    },
    close: () => client.close(),
  };
}

/** Where the issuer's certificate is in the repository; undefined when the certificate says nothing, or another place. */
function issuerPathOf(certificate: X509Certificate): string | undefined {
  const value = readExtensions(certificate).all.get(AUTHORITY_INFORMATION)?.value;
  if (value === undefined) return undefined;
  const descriptions = DerReader.over(value).enter(TAG.sequence, "authorityInfoAccess");
  while (!descriptions.isAtEnd()) {
    const description = descriptions.enter(TAG.sequence, "accessDescription");
    const method = readObjectIdentifier(description, "accessMethod");
    const location = description.readAny("accessLocation");
    const path = location.tag === URI ? REPOSITORY.exec(contentOf(location).toString("latin1"))?.[1] : undefined;
    if (method === CA_ISSUERS && path !== undefined) return path;
  }
  return undefined;
}
