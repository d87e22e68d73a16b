import { render } from "preact";
import "../theme.css";

const place = document.getElementById("page");
if (place !== null) render(<main>Passerelle</main>, place);
