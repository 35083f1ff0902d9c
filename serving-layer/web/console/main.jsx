import { render } from 'preact';

import './style.css';

render(<h1>Tandem</h1>, document.getElementById('app'));
