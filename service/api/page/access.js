// Asking the service, with a caller's key where it asks for one. The key is held by the field alone, and goes with the page.

const find = (id) => document.getElementById(id);
const base = new URL(".", document.baseURI);

export const address = (path) => new URL(path, base);

export const key = () => find("key").value.trim();

// What nobody without a key is told is why the field is shown; where none is asked for it stays out of the way.
export async function ask(path, options = {}) {
  const headers = key() ? { Authorization: `Bearer ${key()}` } : {};
  const response = await fetch(address(path), { ...options, headers });
  if (response.status === 401) find("key-field").hidden = false;
  return response;
}
