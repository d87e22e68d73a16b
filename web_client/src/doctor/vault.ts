// IndexedDB keeps the doctor's key, which cannot be read out, and the pinned CA. The only importer of indexedDB.
import { IdentityRefused, type Vault } from "../state/doctor_identity";

const DATABASE = "passerelle";
const STORE = "identity";
const CA = "ca";

/** Opens the browser's store; every failure is `vault.failed` (a private window, a full disk). */
export async function openVault(): Promise<Vault> {
  const database = await settled(() => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    return opening;
  });
  const get = (key: string) =>
    settled(() => database.transaction(STORE).objectStore(STORE).get(key) as IDBRequest<unknown>);
  const put = async (key: string, value: unknown) => {
    await settled(() => database.transaction(STORE, "readwrite").objectStore(STORE).put(value, key));
  };
  return {
    pinned: async () => ((await get(CA)) as string | undefined) ?? null,
    pin: (caPem) => put(CA, caPem),
    key: async (doctorId) => ((await get(`key:${doctorId}`)) as CryptoKeyPair | undefined) ?? null,
    keep: (doctorId, pair) => put(`key:${doctorId}`, pair),
  };
}

function settled<T>(begin: () => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const failed = () => reject(new IdentityRefused("vault.failed"));
    try {
      const request = begin();
      request.onsuccess = () => resolve(request.result);
      request.onerror = failed;
    } catch {
      failed();
    }
  });
}
