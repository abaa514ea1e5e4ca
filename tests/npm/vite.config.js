/** Two pages that import the package by its name. React is built for development, so that StrictMode works. */

export default {
  base: "./",
  build: { rollupOptions: { input: ["plain.html", "react.html"] } },
};
