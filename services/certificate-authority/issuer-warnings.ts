import { DEFAULT_ISSUER } from "./domain/issuer.ts";
import { mlDsaSetOf } from "./domain/ml-dsa.ts";
import { OUR_SIGNERS } from "./domain/signer-profile.ts";
import {
  issuerNameOf,
  issuersInOrder,
  lineOf,
  OWN_SIGNERS,
  type SigningSettings,
  signerNamesOf,
} from "./issuer-settings.ts";
import { usagesOf } from "./signer-settings.ts";

/** What is configured and is less safe, or will surprise somebody, for the log. */
export function issuerWarnings(settings: Pick<SigningSettings, "issuer" | "issuers" | "signers">): readonly string[] {
  return [
    ...constraintWarnings(settings),
    ...mlDsaWarnings(settings),
    ...clientWarnings(settings.signers),
    ...spiffeWarnings(settings),
  ];
}

function constraintWarnings({ issuer, issuers }: Pick<SigningSettings, "issuer" | "issuers">): readonly string[] {
  return [{ name: DEFAULT_ISSUER, ...issuer }, ...issuers].flatMap(({ name, nameConstraints }) => {
    const all = [nameConstraints?.permitted, nameConstraints?.excluded];
    if (all.every((subtrees) => (subtrees?.directoryNames.length ?? 0) === 0)) return [];
    return [
      `the issuer ${name} has name constraints on directory names: programs in Go, Kubernetes among them, refuse every ` +
        "certificate below it",
    ];
  });
}

/** A kubelet, kube-apiserver or kubectl that cannot verify the signature refuses the certificate. */
function mlDsaWarnings(settings: Pick<SigningSettings, "issuer" | "issuers" | "signers">): readonly string[] {
  const all = issuersInOrder(settings);
  return all.flatMap((issuer) => {
    const signed = [...OUR_SIGNERS, ...OWN_SIGNERS].filter(
      (name) => issuerNameOf(name, settings.signers) === issuer.name,
    );
    const line = lineOf(issuer, all).filter(({ keyAlgorithm }) => mlDsaSetOf(keyAlgorithm) !== undefined);
    if (signed.length === 0 || line.length === 0) return [];
    const names = line.map(({ name, keyAlgorithm }) => `${name} (${keyAlgorithm})`).join(" and ");
    return [
      `${signed.join(", ")}: certificates are signed by ${names}, which Kubernetes up to 1.36 cannot verify; give these ` +
        "signers an issuer of another keyAlgorithm unless all of their clients can",
    ];
  });
}

/** Whoever has a certificate of an issuer of clients is a user here, by whatever name it has. */
function clientWarnings(signers: SigningSettings["signers"]): readonly string[] {
  const ofClients = [...OUR_SIGNERS, ...OWN_SIGNERS].map((signerName) => issuerNameOf(signerName, signers));
  return signers.flatMap(({ signerName, issuer, profile }) =>
    profile !== undefined && usagesOf(profile).allowed.includes("client auth") && ofClients.includes(issuer)
      ? [
          `the signer ${signerName} certifies clients with the issuer ${issuer}, whose clients are users of this server by ` +
            "their common names and organizations; give it an issuer of its own unless they are meant to be",
        ]
      : [],
  );
}

/** Whatever is signed below the same root could name a workload as well: the bundle has the root. */
function spiffeWarnings(settings: Pick<SigningSettings, "issuer" | "issuers" | "signers">): readonly string[] {
  const all = issuersInOrder(settings);
  const rootOf = (issuer: string): string | undefined => {
    const found = all.find(({ name }) => name === issuer);
    return found && lineOf(found, all).at(-1)?.name;
  };
  const { signers } = settings;
  return signers.flatMap(({ signerName, issuer, profile }) => {
    const related = all.filter(({ name }) => rootOf(name) === rootOf(issuer));
    const others = related.flatMap(({ name }) => signerNamesOf(name, signers)).filter((name) => name !== signerName);
    if (profile?.spiffe === undefined || others.length === 0) return [];
    return [
      `${signerName} makes X.509-SVIDs below a root that is also that of ${others.join(", ")}, whose certificates may have ` +
        "SPIFFE IDs by other rules; give it an issuer with a root of its own",
    ];
  });
}
